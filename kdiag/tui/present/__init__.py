"""From a picture to text: pure, so that it can run in any thread and be tested without a screen."""
