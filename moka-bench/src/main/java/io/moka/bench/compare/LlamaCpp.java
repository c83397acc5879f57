package io.moka.bench.compare;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BOOLEAN;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SegmentAllocator;
import java.lang.foreign.StructLayout;
import java.nio.file.Path;
import java.util.SplittableRandom;

/** llama.cpp, driven through its C interface. */
final class LlamaCpp implements TimedEngine {
  private static final long SEED = 42;

  /** Positions of a sequence beyond those that are filled before a run. */
  private static final int ROOM = 256;

  private static final int NONE = -1;

  private final Arena arena = Arena.ofShared();
  private final LlamaLibrary library;
  private final SplittableRandom random = new SplittableRandom(SEED);

  private final MemorySegment batch = arena.allocate(LlamaLibrary.BATCH);
  private final MemorySegment tokens = arena.allocate(JAVA_INT, CHUNK);
  private final MemorySegment positions = arena.allocate(JAVA_INT, CHUNK);
  private final MemorySegment sequenceIds = arena.allocate(JAVA_INT, CHUNK);
  private final MemorySegment logits = arena.allocate(JAVA_BYTE, CHUNK);
  private int rows;

  private MemorySegment model = MemorySegment.NULL;
  private MemorySegment context = MemorySegment.NULL;
  private Shape shape = new Shape(0, 0, false);
  private int filled;
  private int vocabulary;
  private int threads;

  /** What a context is made for. */
  private record Shape(int capacity, int sequences, boolean flash) {}

  LlamaCpp(Path folder) {
    library = new LlamaLibrary(folder, arena);
    MemorySegment counts = arena.allocate(JAVA_INT, CHUNK);
    MemorySegment lists = arena.allocate(ADDRESS, CHUNK);
    for (int row = 0; row < CHUNK; row++) {
      counts.setAtIndex(JAVA_INT, row, 1);
      lists.setAtIndex(ADDRESS, row, sequenceIds.asSlice(row * JAVA_INT.byteSize()));
    }
    set(batch, "token", tokens);
    set(batch, "pos", positions);
    set(batch, "n_seq_id", counts);
    set(batch, "seq_id", lists);
    set(batch, "logits", logits);
  }

  private static void set(MemorySegment batch, String field, MemorySegment value) {
    batch.set(ADDRESS, LlamaLibrary.offset(LlamaLibrary.BATCH, field), value);
  }

  @Override
  public String load(Path file, int threads, boolean repacked) {
    this.threads = threads;
    dropContext();
    dropModel();
    StructLayout layout = LlamaLibrary.MODEL_PARAMS;
    try (Arena call = Arena.ofConfined()) {
      MemorySegment params =
          (MemorySegment) library.modelDefaultParams.invokeExact((SegmentAllocator) call);
      params.set(JAVA_INT, LlamaLibrary.offset(layout, "load_mode"), LlamaLibrary.LOAD_BY_READING);
      params.set(JAVA_BOOLEAN, LlamaLibrary.offset(layout, "use_extra_bufts"), repacked);
      model =
          (MemorySegment) library.modelLoad.invokeExact(call.allocateFrom(file.toString()), params);
      if (model.address() == 0) {
        throw new IllegalStateException("cannot load " + file);
      }
      MemorySegment vocab = (MemorySegment) library.modelVocab.invokeExact(model);
      vocabulary = (int) library.vocabTokens.invokeExact(vocab);
    } catch (Throwable e) {
      throw LlamaLibrary.wrap(e);
    }
    return "llama.cpp, variant " + LlamaLibrary.variant();
  }

  @Override
  public long[] decode(int steps, int sequences, int context, boolean flash) {
    require(new Shape(context + ROOM, sequences, flash), context);
    for (int sequence = 0; sequence < sequences; sequence++) {
      remove(sequence, context);
    }
    long[] nanos = new long[steps];
    for (int step = -UNMEASURED_STEPS; step < steps; step++) {
      rows = 0;
      for (int sequence = 0; sequence < sequences; sequence++) {
        add(context + step + UNMEASURED_STEPS, sequence, true);
      }
      long time = run();
      if (step >= 0) {
        nanos[step] = time;
      }
    }
    return nanos;
  }

  @Override
  public long prefill(int tokens, boolean flash) {
    require(new Shape(tokens, 1, flash), 0);
    clear();
    return prompt(tokens);
  }

  private long prompt(int count) {
    long nanos = 0;
    for (int from = 0; from < count; from += CHUNK) {
      rows = 0;
      for (int i = from; i < Math.min(count, from + CHUNK); i++) {
        add(i, 0, i == count - 1);
      }
      nanos += run();
    }
    return nanos;
  }

  private void add(int position, int sequence, boolean wanted) {
    tokens.setAtIndex(JAVA_INT, rows, random.nextInt(vocabulary));
    positions.setAtIndex(JAVA_INT, rows, position);
    sequenceIds.setAtIndex(JAVA_INT, rows, sequence);
    logits.set(JAVA_BYTE, rows, (byte) (wanted ? 1 : 0));
    rows++;
  }

  private long run() {
    batch.set(JAVA_INT, LlamaLibrary.offset(LlamaLibrary.BATCH, "n_tokens"), rows);
    try {
      long start = System.nanoTime();
      int status = (int) library.decode.invokeExact(context, batch);
      library.synchronize.invokeExact(context);
      long nanos = System.nanoTime() - start;
      if (status != 0) {
        throw new IllegalStateException("llama_decode gave " + status);
      }
      return nanos;
    } catch (Throwable e) {
      throw LlamaLibrary.wrap(e);
    }
  }

  private void require(Shape wanted, int positions) {
    if (context.address() == 0 || !shape.equals(wanted)) {
      dropContext();
      makeContext(wanted, positions > 0);
    }
    if (filled != positions) {
      clear();
      if (positions > 0) {
        fill(positions);
      }
      filled = positions;
    }
  }

  private void makeContext(Shape wanted, boolean unified) {
    StructLayout layout = LlamaLibrary.CONTEXT_PARAMS;
    // one more for the copies that fill the cache; apart where sequences share nothing
    int sequences = unified ? wanted.sequences + 1 : wanted.sequences;
    try (Arena call = Arena.ofConfined()) {
      MemorySegment params =
          (MemorySegment) library.contextDefaultParams.invokeExact((SegmentAllocator) call);
      params.set(
          JAVA_INT, LlamaLibrary.offset(layout, "n_ctx"), wanted.capacity * wanted.sequences);
      params.set(JAVA_INT, LlamaLibrary.offset(layout, "n_batch"), CHUNK);
      params.set(JAVA_INT, LlamaLibrary.offset(layout, "n_ubatch"), CHUNK);
      params.set(JAVA_INT, LlamaLibrary.offset(layout, "n_seq_max"), sequences);
      params.set(JAVA_INT, LlamaLibrary.offset(layout, "n_threads"), threads);
      params.set(JAVA_INT, LlamaLibrary.offset(layout, "n_threads_batch"), threads);
      params.set(
          JAVA_INT,
          LlamaLibrary.offset(layout, "flash_attn_type"),
          wanted.flash ? LlamaLibrary.FLASH_ON : LlamaLibrary.FLASH_OFF);
      params.set(JAVA_BOOLEAN, LlamaLibrary.offset(layout, "kv_unified"), unified);
      context = (MemorySegment) library.contextNew.invokeExact(model, params);
    } catch (Throwable e) {
      throw LlamaLibrary.wrap(e);
    }
    if (context.address() == 0) {
      throw new IllegalStateException("no context for " + wanted);
    }
    shape = wanted;
    filled = 0;
  }

  /**
   * Computes one chunk, loads its state again for each further chunk, moves that to its place (the
   * library rotates the keys), and hands it to the sequence.
   */
  private void fill(int positions) {
    int spare = shape.sequences;
    prompt(CHUNK);
    try (Arena call = Arena.ofConfined()) {
      long size = (long) library.stateSize.invokeExact(context, 0);
      MemorySegment state = call.allocate(size);
      long written = (long) library.stateGet.invokeExact(context, state, size, 0);
      clear();
      for (int sequence = 0; sequence < shape.sequences; sequence++) {
        for (int from = 0; from < positions; from += CHUNK) {
          if ((long) library.stateSet.invokeExact(context, state, written, spare) == 0) {
            throw new IllegalStateException("cannot fill the cache");
          }
          MemorySegment memory = memory();
          if (from > 0) {
            library.sequenceShift.invokeExact(memory, spare, NONE, NONE, from);
          }
          library.sequenceCopy.invokeExact(memory, spare, sequence, NONE, NONE);
          remove(spare, NONE);
        }
      }
    } catch (Throwable e) {
      throw LlamaLibrary.wrap(e);
    }
  }

  private MemorySegment memory() throws Throwable {
    return (MemorySegment) library.memory.invokeExact(context);
  }

  private void remove(int sequence, int from) {
    try {
      boolean removed =
          (boolean) library.sequenceRemove.invokeExact(memory(), sequence, from, NONE);
      if (!removed) {
        throw new IllegalStateException("cannot empty the cache of sequence " + sequence);
      }
    } catch (Throwable e) {
      throw LlamaLibrary.wrap(e);
    }
  }

  private void clear() {
    filled = 0;
    try {
      library.memoryClear.invokeExact(memory(), true);
    } catch (Throwable e) {
      throw LlamaLibrary.wrap(e);
    }
  }

  private void dropContext() {
    try {
      if (context.address() != 0) {
        library.contextFree.invokeExact(context);
        context = MemorySegment.NULL;
      }
    } catch (Throwable e) {
      throw LlamaLibrary.wrap(e);
    }
  }

  private void dropModel() {
    try {
      if (model.address() != 0) {
        library.modelFree.invokeExact(model);
        model = MemorySegment.NULL;
      }
    } catch (Throwable e) {
      throw LlamaLibrary.wrap(e);
    }
  }

  @Override
  public void close() {
    dropContext();
    dropModel();
  }
}
