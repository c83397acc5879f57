package io.moka.kernels.cpu.x86;

import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.List;
import java.util.Set;
import java.util.stream.IntStream;

/** What this machine has; tests of what it lacks are skipped by name. */
final class Processor {
  private Processor() {}

  /** All of it. */
  static CpuFeatures whole() {
    CpuFeatures.Result detected = CpuFeatures.detect();
    assumeTrue(detected instanceof CpuFeatures.Found, detected.toString());
    return ((CpuFeatures.Found) detected).features();
  }

  /** What it has up to a step, of which it must have the very last. */
  static CpuFeatures upTo(InstructionSet most) {
    CpuFeatures features = whole().limitedTo(most);
    String missing =
        features.missing(
            switch (most) {
              case AVX2 -> CpuFeatures.AVX2_FMA;
              case AVX2_VNNI -> Set.of(CpuFeatures.Feature.AVX_VNNI);
              case AVX512 -> CpuFeatures.VNNI_512;
              case AMX -> Set.of(CpuFeatures.Feature.AMX_INT8);
            });
    assumeTrue(missing.isEmpty(), () -> "this machine has no " + missing);
    return features;
  }

  /** The same as if it were of each family that memory is read differently on, and of another. */
  static List<CpuFeatures> ofEachFamily(CpuFeatures features) {
    return IntStream.of(0x19, 0x1A, 0x06)
        .mapToObj(family -> new CpuFeatures(features.present(), family, features.model()))
        .toList();
  }

  /** What could be loaded; else the test is skipped. */
  static <T> T ready(Availability<T> availability) {
    assumeTrue(availability instanceof Availability.Ready<T>, availability.toString());
    return ((Availability.Ready<T>) availability).value();
  }
}
