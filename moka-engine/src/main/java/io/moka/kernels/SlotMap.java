package io.moka.kernels;

/**
 * Where each row of a step stands: its position in its sequence, and the cache blocks of that
 * sequence. A row sees the positions up to its own.
 */
public interface SlotMap {
  /**
   * The position of a row.
   *
   * @param row from 0
   * @return from 0
   */
  int position(int row);

  /**
   * The cache block that holds some positions of a row's sequence.
   *
   * @param row from 0
   * @param index position / {@link KvCache#BLOCK_TOKENS}
   * @return id of a block of the {@link KvCache}
   */
  int block(int row, int index);
}
