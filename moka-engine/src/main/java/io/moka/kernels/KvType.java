package io.moka.kernels;

/** How keys and values are stored. */
public enum KvType {
  /** As computed. */
  F32(4),
  /** Rounded to binary16; a value too large for it becomes the largest finite one. */
  F16(2),
  /** Rounded to the upper half of a binary32. */
  BF16(2);

  private final int bytes;

  KvType(int bytes) {
    this.bytes = bytes;
  }

  /**
   * Bytes of one number.
   *
   * @return the count
   */
  public int bytes() {
    return bytes;
  }
}
