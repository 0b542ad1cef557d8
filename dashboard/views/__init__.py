"""Pages of the dashboard, one module for each question a viewer asks."""
