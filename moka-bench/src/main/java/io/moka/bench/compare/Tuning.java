package io.moka.bench.compare;

/**
 * How a peer runs a piece of work.
 *
 * @param repacked whether it lays out weights anew at load
 * @param flash whether its attention is fused
 */
record Tuning(boolean repacked, boolean flash) {
  /** What is tried first, and what an engine without the choice is given. */
  static final Tuning FIRST = new Tuning(true, true);

  @Override
  public String toString() {
    return (repacked ? "repacked" : "not repacked") + ", flash " + (flash ? "on" : "off");
  }
}
