package io.moka.model;

import io.moka.NumericalException;
import io.moka.kernels.Kernels;
import io.moka.kernels.Rows;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Looks for NaN and infinity in logits, on all threads: a vocabulary is long. */
final class FiniteCheck {
  private static final int CHUNK = 4096;
  private static final int INFINITY_BITS = 0x7F800000;

  private final Kernels kernels;
  private final Kernels.IndexedBody body = this::checkChunk;

  // the arguments of the call in progress
  private Rows logits;
  private int chunksPerRow;

  /** Threads only ever write true. */
  private volatile boolean found;

  FiniteCheck(Kernels kernels) {
    this.kernels = kernels;
  }

  void check(Rows logits, int rows) {
    this.logits = logits;
    this.chunksPerRow = (logits.columns() + CHUNK - 1) / CHUNK;
    this.found = false;
    kernels.forEach(rows * chunksPerRow, body);
    if (found) {
      throw new NumericalException(describe(logits, rows));
    }
  }

  private void checkChunk(int index) {
    int row = index / chunksPerRow;
    int first = index % chunksPerRow * CHUNK;
    int count = Math.min(CHUNK, logits.columns() - first);
    MemorySegment data = logits.data();
    long offset = logits.offsetBytes(row) + (long) first * Float.BYTES;
    // a maximum of integers, which compiles to vectors; NaN and infinity have the largest exponent
    int highest = 0;
    for (int i = 0; i < count; i++) {
      int bits = data.get(ValueLayout.JAVA_INT, offset + (long) i * Float.BYTES);
      highest = Math.max(highest, bits & Integer.MAX_VALUE);
    }
    if (highest >= INFINITY_BITS) {
      found = true;
    }
  }

  private static String describe(Rows logits, int rows) {
    for (int row = 0; row < rows; row++) {
      for (int token = 0; token < logits.columns(); token++) {
        float logit = logits.get(row, token);
        if (!Float.isFinite(logit)) {
          return ("the model computed a logit of %s for token %d: its weights are damaged or too"
                  + " large for float32; compare the files with their checksums, or fetch them"
                  + " again")
              .formatted(logit, token);
        }
      }
    }
    throw new IllegalStateException("logits changed while they were checked");
  }
}
