"""brasa."""
