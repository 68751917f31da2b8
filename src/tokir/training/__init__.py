"""Training: one loop for every architecture and objective. Nothing is imported here, so that names stay light."""
