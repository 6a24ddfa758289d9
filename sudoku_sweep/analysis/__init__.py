"""From runs to tables, figures and files; reads runs by their attributes, wherever they come from."""
