"""The page of `parley bench report`: markup, plots, and a section for each bench."""
