package io.moka.model;

import com.sun.management.OperatingSystemMXBean;
import io.moka.ModelException;
import io.moka.checkpoint.Checkpoint;
import io.moka.checkpoint.ModelTensors;
import io.moka.checkpoint.TensorInfo;
import io.moka.checkpoint.TensorKey;
import io.moka.checkpoint.TensorKey.Part;
import io.moka.weights.JoinedMatrix;
import io.moka.weights.PackedMatrix;
import java.lang.management.ManagementFactory;

/** Refuses a model that this machine cannot hold, before the first page is touched. */
final class MemoryNeed {
  /** Asking the machine costs tens of milliseconds, which a model this small is not worth. */
  private static final long ASK_FROM_BYTES = 1L << 30;

  private static final double GIB = 1 << 30;

  private MemoryNeed() {}

  static void check(Checkpoint checkpoint, TransformerOptions options) {
    long needed = packedBytes(checkpoint, options);
    if (needed >= ASK_FROM_BYTES) {
      // within a container this is the container's limit
      check(
          needed,
          ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class).getTotalMemorySize());
    }
  }

  static void check(long needed, long machine) {
    if (needed > machine) {
      throw new ModelException(
          "the packed weights need %.1f GiB and this machine has %.1f GiB; %s"
              .formatted(
                  needed / GIB,
                  machine / GIB,
                  "choose a smaller model or a machine with more memory"));
    }
  }

  /** Bytes of all matrices as they will be packed; norms and biases are nothing beside them. */
  static long packedBytes(Checkpoint checkpoint, TransformerOptions options) {
    boolean join = options.joins();
    long bytes = 0;
    for (TensorKey key : ModelTensors.of(checkpoint.config()).keySet()) {
      boolean packed = key.part() != Part.EMBEDDING || checkpoint.config().tieWordEmbeddings();
      TensorInfo tensor = checkpoint.describe(key);
      if (packed && tensor.shape().size() == 2) {
        bytes = Math.addExact(bytes, packedBytes(key.part(), tensor, join || key.expert() < 0));
      }
    }
    return bytes;
  }

  private static long packedBytes(Part part, TensorInfo tensor, boolean join) {
    int rows = Math.toIntExact(tensor.shape().getFirst());
    int columns = Math.toIntExact(tensor.shape().getLast());
    if (join && part == Part.UP) {
      return 0;
    }
    boolean joined = join && part == Part.GATE;
    return PackedMatrix.bytes(
        tensor.format(), joined ? JoinedMatrix.joinedRows(rows) : rows, columns);
  }
}
