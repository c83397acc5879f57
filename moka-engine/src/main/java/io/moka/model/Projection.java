package io.moka.model;

import io.moka.kernels.Kernels;
import io.moka.kernels.Rows;
import io.moka.weights.MatrixView;
import io.moka.weights.PackedMatrix;
import io.moka.weights.Packer;
import io.moka.weights.Tensor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;

/**
 * One or more matrices that share their input, side by side in the output: query, key and value.
 * Neighbours of one format are packed as one matrix.
 *
 * @param parts the matrices, in the order of the output's columns
 * @param bias as many floats as the output has columns, or no bytes
 */
record Projection(List<PackedMatrix> parts, MemorySegment bias) {
  Projection {
    parts = List.copyOf(parts);
  }

  static Projection pack(Arena arena, List<Tensor> tensors, MemorySegment bias) {
    List<PackedMatrix> parts = new ArrayList<>();
    int first = 0;
    for (int end = 1; end <= tensors.size(); end++) {
      if (end == tensors.size() || tensors.get(end).format() != tensors.get(first).format()) {
        parts.add(
            Packer.stack(arena, tensors.subList(first, end).stream().map(MatrixView::of).toList()));
        first = end;
      }
    }
    return new Projection(parts, bias);
  }

  /** Columns of the output. */
  int columns() {
    return parts.stream().mapToInt(PackedMatrix::rows).sum();
  }

  void multiply(Kernels kernels, Rows x, int rows, Rows out) {
    if (parts.size() == 1) {
      kernels.matmul(x, parts.getFirst(), bias, rows, out);
      return;
    }
    int column = 0;
    for (PackedMatrix part : parts) {
      MemorySegment own =
          bias.byteSize() == 0
              ? bias
              : bias.asSlice(column * (long) Float.BYTES, part.rows() * (long) Float.BYTES);
      kernels.matmul(x, part, own, rows, out.columns(column, part.rows()));
      column += part.rows();
    }
  }
}
