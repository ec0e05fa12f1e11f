"""What `make` uses: set-up, test stages, generators."""
