package io.moka.weights;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.List;
import java.util.Optional;

/**
 * Memory nodes on Linux, x86-64. Pages get their node when they are first touched, by a thread that
 * prefers it meanwhile: mbind(2) would split the mapping at every matrix, and thousands of experts
 * come near the 65,530 mappings that a process may have; moving pages later would copy them.
 */
public final class LinuxNodes implements NodeSystem {
  private static final long SCHED_SETAFFINITY = 203;
  private static final long SET_MEMPOLICY = 238;
  private static final long GET_MEMPOLICY = 239;
  private static final long MPOL_PREFERRED = 1;
  private static final long PAGE_BYTES = 4096;

  /** The most nodes that Linux knows. */
  static final int MOST_NODES = 1024;

  /** The kernel takes the number of bits one too high (get_nodes in mm/mempolicy.c). */
  private static final long MASK_BITS = MOST_NODES + 1;

  private final SystemCall system;
  private final MethodHandle getCpu;

  private LinuxNodes(SystemCall system, MethodHandle getCpu) {
    this.system = system;
    this.getCpu = getCpu;
  }

  /**
   * Looks for the calls.
   *
   * @return empty on another system or processor
   * @throws IllegalCallerException where the JVM was started without native access
   */
  public static Optional<NodeSystem> find() {
    Linker linker = Linker.nativeLinker();
    return SystemCall.find()
        .flatMap(system ->
            linker
                .defaultLookup()
                .find("sched_getcpu")
                .map(function ->
                    new LinuxNodes(
                        system,
                        linker.downcallHandle(
                            function, FunctionDescriptor.of(ValueLayout.JAVA_INT)))));
  }

  @Override
  public Optional<String> bind(List<Integer> processors) {
    int most = processors.stream().mapToInt(Integer::intValue).max().orElse(0);
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment mask = mask(arena, most + 1);
      processors.forEach(processor -> set(mask, processor));
      long result = system.call(SCHED_SETAFFINITY, 0, mask.byteSize(), mask.address(), 0, 0);
      return refusal("sched_setaffinity", result);
    }
  }

  @Override
  public int currentProcessor() {
    try {
      return (int) getCpu.invokeExact();
    } catch (Throwable impossible) {
      throw new AssertionError(impossible);
    }
  }

  @Override
  public Optional<String> touch(MemorySegment memory, int node) {
    if (memory.byteSize() == 0) {
      return Optional.empty();
    }
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment mode = arena.allocate(ValueLayout.JAVA_INT);
      MemorySegment nodes = mask(arena, MOST_NODES);
      long got = system.call(GET_MEMPOLICY, mode.address(), nodes.address(), MASK_BITS, 0, 0);
      if (got != 0) {
        return refusal("get_mempolicy", got);
      }
      MemorySegment wanted = mask(arena, MOST_NODES);
      set(wanted, node);
      long result = system.call(SET_MEMPOLICY, MPOL_PREFERRED, wanted.address(), MASK_BITS, 0, 0);
      if (result != 0) {
        return refusal("set_mempolicy", result);
      }
      touchPages(memory);
      // as the thread had it: it may be a user's
      long before = mode.get(ValueLayout.JAVA_INT, 0);
      long restored = system.call(SET_MEMPOLICY, before, nodes.address(), MASK_BITS, 0, 0);
      return refusal("set_mempolicy", restored);
    }
  }

  private static void touchPages(MemorySegment memory) {
    for (long at = 0; at < memory.byteSize(); at += PAGE_BYTES) {
      memory.set(ValueLayout.JAVA_BYTE, at, (byte) 0);
    }
    memory.set(ValueLayout.JAVA_BYTE, memory.byteSize() - 1, (byte) 0);
  }

  private static MemorySegment mask(Arena arena, int bits) {
    return arena.allocate(ValueLayout.JAVA_LONG, Math.ceilDiv(bits, Long.SIZE));
  }

  private static void set(MemorySegment mask, int bit) {
    long word = mask.getAtIndex(ValueLayout.JAVA_LONG, bit / Long.SIZE);
    mask.setAtIndex(ValueLayout.JAVA_LONG, bit / Long.SIZE, word | 1L << bit % Long.SIZE);
  }

  private static Optional<String> refusal(String call, long result) {
    return result == 0 ? Optional.empty() : Optional.of(call + " failed: errno " + -result);
  }
}
