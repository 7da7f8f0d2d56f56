"""Whether a test agrees with what the member's own text says, and what is asked where it does not."""
