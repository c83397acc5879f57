package io.moka.kernels.cpu;

import io.moka.IoReason;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The machine's memory nodes that have processors for this process, as Linux lists them
 * (Documentation/ABI/stable/sysfs-devices-node). What cannot be read counts as one node.
 *
 * @param nodes in ascending order of numbers; at most one where there is a reason
 * @param reasonForOne why the memory counts as one; empty where there are several nodes
 */
public record MemoryNodes(List<Node> nodes, Optional<String> reasonForOne) {
  private static final String NODES = "sys/devices/system/node";
  private static final String STATUS = "proc/self/status";
  private static final String ALLOWED = "Cpus_allowed_list:";

  /** Several times what such a file holds on the largest machines. */
  private static final int MOST_BYTES = 1 << 16;

  /** Linux can be built for 8,192 processors and 1,024 nodes. */
  private static final int MOST_PROCESSORS = 8192;

  private static final int MOST_NODES = 1024;
  private static final Pattern FOLDER = Pattern.compile("node([0-9]{1,9})");
  private static final Pattern RANGE = Pattern.compile("([0-9]{1,9})(?:-([0-9]{1,9}))?");

  /**
   * A node.
   *
   * @param number the system's
   * @param processors those of the node that this process may use, by the system's numbers
   */
  public record Node(int number, List<Integer> processors) {
    /** Copies the list. */
    public Node {
      processors = List.copyOf(processors);
    }
  }

  /** Copies the list. */
  public MemoryNodes {
    nodes = List.copyOf(nodes);
  }

  /**
   * Reads the nodes.
   *
   * @param root the folder that {@code sys} and {@code proc} lie in
   * @return the nodes; whatever is missing or damaged is a reason for one, not an error
   */
  public static MemoryNodes read(Path root) {
    try {
      List<Node> nodes = nodes(root.resolve(NODES), allowed(root.resolve(STATUS)));
      return new MemoryNodes(
          nodes,
          nodes.size() > 1
              ? Optional.empty()
              : Optional.of("the processors of this process have one memory node"));
    } catch (NoSuchFileException e) {
      return unknown("the system lists no memory nodes (" + e.getFile() + ")");
    } catch (DirectoryIteratorException e) {
      return unknown("the memory nodes cannot be read: " + IoReason.of(e.getCause()));
    } catch (IOException e) {
      return unknown("the memory nodes cannot be read: " + IoReason.of(e));
    }
  }

  private static MemoryNodes unknown(String reason) {
    return new MemoryNodes(List.of(), Optional.of(reason));
  }

  private static List<Node> nodes(Path folder, BitSet allowed) throws IOException {
    List<Node> nodes = new ArrayList<>();
    BitSet seen = new BitSet();
    try (DirectoryStream<Path> entries = Files.newDirectoryStream(folder, "node[0-9]*")) {
      for (Path entry : entries) {
        Matcher name = FOLDER.matcher(entry.getFileName().toString());
        if (!name.matches() || Integer.parseInt(name.group(1)) >= MOST_NODES) {
          throw new IOException(entry + ": no number of a node");
        }
        Path list = entry.resolve("cpulist");
        BitSet processors = processors(list, text(list).strip());
        if (processors.intersects(seen)) {
          throw new IOException(list + ": has processors of another node");
        }
        seen.or(processors);
        processors.and(allowed);
        // a node without processors is memory that no thread is near to
        if (!processors.isEmpty()) {
          nodes.add(
              new Node(Integer.parseInt(name.group(1)), processors.stream().boxed().toList()));
        }
      }
    }
    nodes.sort(Comparator.comparingInt(Node::number));
    return nodes;
  }

  /** The processors that this process may use, cpuset and taskset considered. */
  private static BitSet allowed(Path status) throws IOException {
    for (String line : text(status).split("\n")) {
      if (line.startsWith(ALLOWED)) {
        return processors(status, line.substring(ALLOWED.length()).strip());
      }
    }
    throw new IOException(status + ": has no " + ALLOWED);
  }

  /** Reads a list such as {@code 0-15,32-47}; nothing stands for none. */
  private static BitSet processors(Path file, String list) throws IOException {
    BitSet processors = new BitSet();
    for (String part : list.isEmpty() ? new String[0] : list.split(",", -1)) {
      Matcher range = RANGE.matcher(part);
      if (!range.matches()) {
        throw new IOException(file + ": no list of processors");
      }
      int first = Integer.parseInt(range.group(1));
      int last = range.group(2) == null ? first : Integer.parseInt(range.group(2));
      if (first > last || last >= MOST_PROCESSORS) {
        throw new IOException(
            "%s: processors from %d to %d, expected ascending numbers below %d"
                .formatted(file, first, last, MOST_PROCESSORS));
      }
      processors.set(first, last + 1);
    }
    return processors;
  }

  private static String text(Path file) throws IOException {
    try (InputStream in = Files.newInputStream(file)) {
      byte[] bytes = in.readNBytes(MOST_BYTES + 1);
      if (bytes.length > MOST_BYTES) {
        throw new IOException(file + ": longer than " + MOST_BYTES + " bytes");
      }
      return new String(bytes, StandardCharsets.ISO_8859_1);
    }
  }
}
