package io.moka.kernels.cpu.x86;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.moka.kernels.cpu.x86.CpuFeatures.Feature;
import io.moka.kernels.cpu.x86.CpuFeatures.Leaf;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

class CpuFeaturesTest {
  private static final Map<Feature, String> LINUX_NAMES = new EnumMap<>(Feature.class);

  static {
    for (Feature feature : Feature.values()) {
      String name = feature.name().toLowerCase();
      LINUX_NAMES.put(feature, name.equals("avx512_vbmi") ? "avx512vbmi" : name);
    }
  }

  /** Every bit of every leaf set: only what the system saves across a switch of threads decides. */
  private static CpuFeatures all(long xcr0) {
    Leaf full = new Leaf(0xC06F2, -1, -1, -1);
    return CpuFeatures.of(full, new Leaf(-1, -1, -1, -1), new Leaf(-1, -1, -1, -1), xcr0);
  }

  @Test
  void agreesWithTheKernel() throws IOException {
    CpuFeatures.Result result = CpuFeatures.detect();
    assumeTrue(result instanceof CpuFeatures.Found, result.toString());
    CpuFeatures features = ((CpuFeatures.Found) result).features();
    List<String> lines = Files.readAllLines(Path.of("/proc/cpuinfo"));
    List<String> flags = Arrays.asList(value(lines, "flags").split(" "));
    for (Feature feature : Feature.values()) {
      assertThat(features.present().contains(feature))
          .as(feature.name())
          .isEqualTo(flags.contains(LINUX_NAMES.get(feature)));
    }
    assertThat(features.family()).isEqualTo(Integer.parseInt(value(lines, "cpu family")));
    assertThat(features.model()).isEqualTo(Integer.parseInt(value(lines, "model\t")));
  }

  private static String value(List<String> lines, String key) {
    String line = lines.stream().filter(l -> l.startsWith(key)).findFirst().orElseThrow();
    return line.substring(line.indexOf(':') + 2);
  }

  @Test
  void countsOnlyWhatTheSystemSaves() {
    assertThat(all(0x2).present()).isEmpty();
    assertThat(all(0x6).present())
        .containsExactlyInAnyOrder(Feature.AVX2, Feature.FMA, Feature.F16C, Feature.AVX_VNNI);
    assertThat(all(0xE6).present()).contains(Feature.AVX512_VNNI).doesNotContain(Feature.AMX_INT8);
    assertThat(all(0x600E6).present()).containsExactlyInAnyOrder(Feature.values());
  }

  @Test
  void readsFamilyAndModel() {
    assertThat(all(0)).extracting(CpuFeatures::family, CpuFeatures::model).containsExactly(6, 207);
    CpuFeatures zen5 = CpuFeatures.of(new Leaf(0xB40F40, 0, 0, 0), Leaf.ABSENT, Leaf.ABSENT, 0);
    assertThat(zen5.family()).isEqualTo(26);
  }

  @Test
  void namesWhatIsMissing() {
    assertThat(all(0x6).missing(CpuFeatures.VNNI_512))
        .isEqualTo("AVX512BW, AVX512DQ, AVX512F, AVX512VL, AVX512_VNNI");
    assertThat(all(0xE6).missing(CpuFeatures.VNNI_512)).isEmpty();
  }
}
