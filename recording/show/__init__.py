"""A recording made visible: one page for the browser, one text for the terminal."""
