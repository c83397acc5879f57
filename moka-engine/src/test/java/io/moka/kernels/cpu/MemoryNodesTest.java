package io.moka.kernels.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import io.moka.kernels.cpu.MemoryNodes.Node;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Reads made-up trees, whole and damaged. */
class MemoryNodesTest {
  @TempDir private Path root;

  @Test
  void readsNodesInTheOrderOfTheirNumbers() throws IOException {
    node("node10", "4-5,7\n");
    node("node2", "0-3,6");
    node("node0", "8-11");
    allowed("0-11");
    assertThat(MemoryNodes.read(root))
        .satisfies(read -> assertThat(read.reasonForOne()).isEmpty())
        .extracting(MemoryNodes::nodes)
        .isEqualTo(
            List.of(
                new Node(0, List.of(8, 9, 10, 11)),
                new Node(2, List.of(0, 1, 2, 3, 6)),
                new Node(10, List.of(4, 5, 7))));
  }

  @Test
  void leavesOutWhatThisProcessMayNotUse() throws IOException {
    node("node0", "0-3");
    node("node1", "4-7");
    node("node2", "\n"); // memory without processors
    allowed("2,5-6");
    assertThat(MemoryNodes.read(root).nodes())
        .containsExactly(new Node(0, List.of(2)), new Node(1, List.of(5, 6)));
    allowed("0-3");
    MemoryNodes one = MemoryNodes.read(root);
    assertThat(one.nodes()).containsExactly(new Node(0, List.of(0, 1, 2, 3)));
    assertThat(one.reasonForOne())
        .hasValueSatisfying(why -> assertThat(why).contains("one memory node"));
  }

  @Test
  void readsTheLargestMachines() throws IOException {
    node("node0", "0-4095");
    node("node1023", "4096-8191");
    allowed("0-8191");
    assertThat(MemoryNodes.read(root).nodes())
        .extracting(n -> n.processors().size())
        .containsExactly(4096, 4096);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "corn",
        "0-",
        "-3",
        "3-1",
        "0,,1",
        "0,",
        "0 1",
        "0-3:2/4",
        "0x3",
        "1-2-3",
        "8192",
        "0-8192",
        "0-999999999",
        "0-99999999999999999999",
        "0-2147483648",
        "\u0000",
        "٣"
      })
  void nonsenseIsOneNodeWithAReason(String list) throws IOException {
    node("node0", "0-1");
    node("node1", list);
    allowed("0-8191");
    assertOneNode("node1");
    node("node1", "2-3");
    assertThat(MemoryNodes.read(root).nodes()).hasSize(2);
    allowed(list);
    assertOneNode("status");
  }

  @Test
  void whatIsMissingIsOneNodeWithAReason() throws IOException {
    assertOneNode("status");
    Files.createDirectories(root.resolve("proc/self"));
    Files.writeString(root.resolve("proc/self/status"), "Name:\tjava\n");
    assertOneNode("Cpus_allowed_list");
    allowed("0-7");
    assertOneNode("sys");
    Files.createDirectories(root.resolve("sys/devices/system/node"));
    assertThat(MemoryNodes.read(root).reasonForOne()).isPresent();
    Files.createDirectories(root.resolve("sys/devices/system/node/node0"));
    assertOneNode("cpulist");
    node("node0", "");
    assertThat(MemoryNodes.read(root).reasonForOne()).isPresent();
  }

  @Test
  void damagedTreesAreOneNodeWithAReason() throws IOException {
    allowed("0-7");
    node("node0", "0-3");
    node("node1", "3-7");
    assertOneNode("another node");
    node("node1", "4-7,".repeat(1 << 15));
    assertOneNode("longer");
    node("node1", "4-7");
    node("node1024", "");
    assertOneNode("node1024");
    Files.delete(root.resolve("sys/devices/system/node/node1024/cpulist"));
    Files.delete(root.resolve("sys/devices/system/node/node1024"));
    node("node1b", "");
    assertOneNode("node1b");
  }

  /** Whatever machine this is, its own tree can be read where it is Linux. */
  @Test
  void readsThisMachine() {
    MemoryNodes machine = MemoryNodes.read(Path.of("/"));
    if (machine.reasonForOne().isEmpty()) {
      assertThat(machine.nodes()).hasSizeGreaterThan(1);
    } else {
      assertThat(machine.nodes()).hasSizeLessThan(2);
    }
  }

  private void assertOneNode(String reason) {
    MemoryNodes read = MemoryNodes.read(root);
    assertThat(read.nodes()).isEmpty();
    assertThat(read.reasonForOne()).hasValueSatisfying(why -> assertThat(why).contains(reason));
  }

  private void node(String name, String list) throws IOException {
    Path folder = Files.createDirectories(root.resolve("sys/devices/system/node").resolve(name));
    Files.writeString(folder.resolve("cpulist"), list);
  }

  private void allowed(String list) throws IOException {
    Path folder = Files.createDirectories(root.resolve("proc/self"));
    Files.writeString(
        folder.resolve("status"),
        "Name:\tjava\nCpus_allowed:\tff\nCpus_allowed_list:\t" + list + "\nMems_allowed:\t1\n");
  }
}
