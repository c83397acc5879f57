package io.moka.bench.compare;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

class EngineProcessTest {
  @Test
  void leavesTunablesOfTheCaller() {
    String added = "glibc.malloc.hugetlb=1";
    assertThat(EngineProcess.joinTunables("", added)).isEqualTo(added);
    assertThat(EngineProcess.joinTunables("glibc.malloc.check=1", added))
        .isEqualTo("glibc.malloc.check=1:" + added);
    assertThat(EngineProcess.joinTunables("glibc.malloc.hugetlb=0", added))
        .isEqualTo("glibc.malloc.hugetlb=0");
  }

  @Test
  @EnabledOnOs(OS.LINUX)
  void asksTheCLibraryForHugePages() {
    String script = "read line; echo \"ok $GLIBC_TUNABLES\"";
    try (EngineProcess process = new EngineProcess("sh", List.of("sh", "-c", script))) {
      process.require(Path.of("none.gguf"), 1, true);
      assertThat(process.description()).contains("glibc.malloc.hugetlb=");
    }
  }
}
