package io.moka.weights;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** Puts a block of one row into the lanes of a strip that {@link TileLayout} draws, and back. */
final class PackedLanes {
  private static final ValueLayout.OfInt WORD = ValueLayout.JAVA_INT_UNALIGNED;
  private static final ValueLayout.OfShort HALF = ValueLayout.JAVA_SHORT_UNALIGNED;

  private PackedLanes() {}

  /** Writes a block that begins at {@code block} for the row of a lane. */
  static void write(
      TileLayout layout, TileLane lane, MemorySegment strip, long block, int laneIndex) {
    for (int i = 0; i < layout.scales().halves(); i++) {
      strip.set(HALF, block + i * 32L + laneIndex * 2L, (short) lane.halves[i]);
    }
    int vectors = layout.codeVectors();
    int entries = layout.entries();
    boolean wide = layout.scales().entryBytes() == Short.BYTES;
    for (int tile = 0; tile < layout.blockTiles(); tile++) {
      long at = block + layout.headerBytes() + (long) tile * layout.tileBytes();
      for (int i = 0; i < vectors; i++) {
        strip.set(WORD, at + laneIndex * 4L, lane.words[tile * vectors + i]);
        at += TileLayout.VECTOR_BYTES;
      }
      for (int i = 0; i < entries; i++) {
        int entry = lane.entries[tile * entries + i];
        if (wide) {
          strip.set(HALF, at + laneIndex * 2L, (short) entry);
        } else {
          strip.set(ValueLayout.JAVA_BYTE, at + laneIndex, (byte) entry);
        }
        at += layout.entryVectorBytes();
      }
    }
  }

  /** Reads the block that begins at {@code block} for the row of a lane. */
  static void read(
      TileLayout layout, MemorySegment strip, long block, int laneIndex, TileLane lane) {
    for (int i = 0; i < layout.scales().halves(); i++) {
      lane.halves[i] = strip.get(HALF, block + i * 32L + laneIndex * 2L);
    }
    int vectors = layout.codeVectors();
    int entries = layout.entries();
    boolean wide = layout.scales().entryBytes() == Short.BYTES;
    for (int tile = 0; tile < layout.blockTiles(); tile++) {
      long at = block + layout.headerBytes() + (long) tile * layout.tileBytes();
      for (int i = 0; i < vectors; i++) {
        lane.words[tile * vectors + i] = strip.get(WORD, at + laneIndex * 4L);
        at += TileLayout.VECTOR_BYTES;
      }
      for (int i = 0; i < entries; i++) {
        lane.entries[tile * entries + i] =
            wide
                ? strip.get(HALF, at + laneIndex * 2L)
                : strip.get(ValueLayout.JAVA_BYTE, at + laneIndex);
        at += layout.entryVectorBytes();
      }
    }
  }
}
