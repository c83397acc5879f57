package io.moka.engine;

/**
 * Keeps the best of many tokens, then puts these in order: the greater logit first, of equal ones
 * the lower id. A binary heap, whose cost has no bad case; sorting the whole vocabulary for each
 * token would cost more than the head of a small model.
 */
final class BestCandidates {
  /** A token as one number, the better the greater; the worst one kept is at the root. */
  private final long[] keys;

  private int size;
  private int limit;

  BestCandidates(int vocabulary) {
    keys = new long[vocabulary];
  }

  /** Empties it; from now on it keeps the best {@code count}. */
  void start(int count) {
    size = 0;
    limit = count;
  }

  void offer(int id, float logit) {
    long key = key(id, logit);
    if (size < limit) {
      keys[size++] = key;
      if (size == limit) {
        heapify();
      }
    } else if (key > keys[0]) {
      keys[0] = key;
      sink(0, size);
    }
  }

  /** Puts those kept in order, the best first. */
  void sort() {
    heapify();
    for (int end = size - 1; end > 0; end--) {
      long worst = keys[0];
      keys[0] = keys[end];
      keys[end] = worst;
      sink(0, end);
    }
  }

  int size() {
    return size;
  }

  /** After {@link #sort}: the token of a rank, 0 the best. */
  int id(int rank) {
    return ~(int) keys[rank];
  }

  private static long key(int id, float logit) {
    int bits = Float.floatToRawIntBits(logit + 0f); // -0 becomes 0, which it ties with
    int ordered = bits ^ ((bits >> 31) & Integer.MAX_VALUE); // as integers they compare like floats
    return (long) ordered << 32 | Integer.toUnsignedLong(~id);
  }

  private void heapify() {
    for (int i = size / 2 - 1; i >= 0; i--) {
      sink(i, size);
    }
  }

  private void sink(int from, int end) {
    long key = keys[from];
    int at = from;
    int child = 2 * at + 1;
    while (child < end) {
      if (child + 1 < end && keys[child + 1] < keys[child]) {
        child++;
      }
      if (key <= keys[child]) {
        break;
      }
      keys[at] = keys[child];
      at = child;
      child = 2 * at + 1;
    }
    keys[at] = key;
  }
}
