"""What people look at: pages that show results and compute nothing."""
