package io.moka.model;

import com.sun.management.OperatingSystemMXBean;
import io.moka.ModelException;
import io.moka.checkpoint.ModelConfig;
import io.moka.checkpoint.ModelTensors;
import io.moka.weights.Tensor;
import java.lang.management.ManagementFactory;

/** Refuses a model that this machine cannot hold, before the first page is touched. */
final class MemoryNeed {
  /** The narrowest format that is packed as it is stored. */
  private static final int SMALLEST_BYTES = 2;

  private static final double GIB = 1 << 30;

  private MemoryNeed() {}

  static void check(ModelConfig config, TransformerOptions options) {
    long weights = ModelTensors.of(config).values().stream().mapToLong(Tensor::elements).sum();
    double needed = (double) weights * SMALLEST_BYTES;
    double available =
        ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class).getTotalMemorySize();
    if (needed > available) {
      throw new ModelException(
          "the weights need %.1f GiB and this machine has %.1f GiB; choose a smaller model or %s"
              .formatted(needed / GIB, available / GIB, "a machine with more memory"));
    }
  }
}
