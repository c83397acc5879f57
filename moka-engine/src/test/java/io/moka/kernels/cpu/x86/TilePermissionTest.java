package io.moka.kernels.cpu.x86;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.util.Optional;
import org.junit.jupiter.api.Test;

class TilePermissionTest {
  private static final long NO_FEATURE = 62;

  @Test
  void isGivenAgainAndAgainWhereThereAreTiles() {
    CpuFeatures.Result detected = CpuFeatures.detect();
    assumeTrue(detected instanceof CpuFeatures.Found, detected.toString());
    String missing = ((CpuFeatures.Found) detected).features().missing(AmxInt8Functions.NEEDED);
    assumeTrue(missing.isEmpty(), "no " + missing);
    Optional<String> first = TilePermission.request();
    assertThat(TilePermission.request()).isEqualTo(first);
  }

  @Test
  void aRefusalIsAReason() {
    CpuFeatures.Result detected = CpuFeatures.detect();
    assumeTrue(detected instanceof CpuFeatures.Found, detected.toString());
    assertThat(TilePermission.request(NO_FEATURE).orElseThrow())
        .startsWith("the system does not permit tiles: errno ");
  }
}
