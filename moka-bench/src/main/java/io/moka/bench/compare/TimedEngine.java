package io.moka.bench.compare;

import java.nio.file.Path;

/** An engine that runs pieces of work on one model and times them. One owner, one thread. */
interface TimedEngine extends AutoCloseable {
  /** Rows of a batch of prefill: the default of all engines compared. */
  int CHUNK = 512;

  /** Steps of a decode run that come before the measured ones. */
  int UNMEASURED_STEPS = 2;

  /**
   * Loads a file in place of the present one.
   *
   * @param file a GGUF file
   * @param threads threads to compute with
   * @param repacked whether weights may be laid out anew; an engine that always does so ignores it
   * @return what computes, in a few words
   */
  String load(Path file, int threads, boolean repacked);

  /**
   * Decodes random tokens.
   *
   * @param steps measured steps
   * @param sequences rows of a step
   * @param context positions that each sequence's cache holds before
   * @param flash whether attention is fused; an engine that always does so ignores it
   * @return nanoseconds of each step
   */
  long[] decode(int steps, int sequences, int context, boolean flash);

  /**
   * Runs a prompt of random tokens from an empty cache, up to its last row's logits.
   *
   * @param tokens its length
   * @param flash whether attention is fused
   * @return nanoseconds
   */
  long prefill(int tokens, boolean flash);

  @Override
  void close();
}
