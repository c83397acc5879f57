package io.moka.bench.compare;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_BOOLEAN;
import static java.lang.foreign.ValueLayout.JAVA_FLOAT;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/**
 * The C interface of llama.cpp 0.5.0, as far as it is used here. Its parameters are structures
 * passed by value, whose fields move from release to release: {@link #checkLayouts} holds the
 * values that the library gives by default against those it should have.
 */
final class LlamaLibrary {
  /** The release whose layouts these are. */
  static final String PACKAGE = "@node-llama-cpp/linux-x64@3.22.1";

  static final int FLASH_OFF = 0;
  static final int FLASH_ON = 1;
  static final int LOAD_BY_READING = 0;

  private static final int LOG_ERROR = 4;

  static final StructLayout MODEL_PARAMS =
      MemoryLayout.structLayout(
          ADDRESS.withName("devices"),
          ADDRESS.withName("tensor_buft_overrides"),
          JAVA_INT.withName("n_gpu_layers"),
          JAVA_INT.withName("split_mode"),
          JAVA_INT.withName("load_mode"),
          JAVA_INT.withName("lazy_mode"),
          JAVA_INT.withName("main_gpu"),
          MemoryLayout.paddingLayout(4),
          ADDRESS.withName("tensor_split"),
          ADDRESS.withName("progress_callback"),
          ADDRESS.withName("progress_callback_user_data"),
          ADDRESS.withName("kv_overrides"),
          JAVA_BOOLEAN.withName("vocab_only"),
          JAVA_BOOLEAN.withName("check_tensors"),
          JAVA_BOOLEAN.withName("use_extra_bufts"),
          JAVA_BOOLEAN.withName("no_host"),
          JAVA_BOOLEAN.withName("no_alloc"),
          MemoryLayout.paddingLayout(3));

  static final StructLayout CONTEXT_PARAMS =
      MemoryLayout.structLayout(
          JAVA_INT.withName("n_ctx"),
          JAVA_INT.withName("n_batch"),
          JAVA_INT.withName("n_ubatch"),
          JAVA_INT.withName("n_seq_max"),
          JAVA_INT.withName("n_rs_seq"),
          JAVA_INT.withName("n_outputs_max"),
          JAVA_INT.withName("n_outputs_max_per_seq"),
          JAVA_INT.withName("n_threads"),
          JAVA_INT.withName("n_threads_batch"),
          JAVA_INT.withName("ctx_type"),
          JAVA_INT.withName("rope_scaling_type"),
          JAVA_INT.withName("pooling_type"),
          JAVA_INT.withName("attention_type"),
          JAVA_INT.withName("flash_attn_type"),
          JAVA_FLOAT.withName("rope_freq_base"),
          JAVA_FLOAT.withName("rope_freq_scale"),
          JAVA_FLOAT.withName("yarn_ext_factor"),
          JAVA_FLOAT.withName("yarn_attn_factor"),
          JAVA_FLOAT.withName("yarn_beta_fast"),
          JAVA_FLOAT.withName("yarn_beta_slow"),
          JAVA_INT.withName("yarn_orig_ctx"),
          JAVA_FLOAT.withName("defrag_thold"),
          ADDRESS.withName("cb_eval"),
          ADDRESS.withName("cb_eval_user_data"),
          JAVA_INT.withName("type_k"),
          JAVA_INT.withName("type_v"),
          ADDRESS.withName("abort_callback"),
          ADDRESS.withName("abort_callback_data"),
          JAVA_BOOLEAN.withName("embeddings"),
          JAVA_BOOLEAN.withName("offload_kqv"),
          JAVA_BOOLEAN.withName("no_perf"),
          JAVA_BOOLEAN.withName("op_offload"),
          JAVA_BOOLEAN.withName("swa_full"),
          JAVA_BOOLEAN.withName("kv_unified"),
          MemoryLayout.paddingLayout(2),
          ADDRESS.withName("samplers"),
          JAVA_LONG.withName("n_samplers"),
          ADDRESS.withName("ctx_other"));

  static final StructLayout BATCH =
      MemoryLayout.structLayout(
          JAVA_INT.withName("n_tokens"),
          MemoryLayout.paddingLayout(4),
          ADDRESS.withName("token"),
          ADDRESS.withName("embd"),
          ADDRESS.withName("pos"),
          ADDRESS.withName("n_seq_id"),
          ADDRESS.withName("seq_id"),
          ADDRESS.withName("logits"));

  private final Linker linker = Linker.nativeLinker();
  private final SymbolLookup symbols;

  final MethodHandle modelDefaultParams;
  final MethodHandle contextDefaultParams;
  final MethodHandle modelLoad;
  final MethodHandle modelFree;
  final MethodHandle modelVocab;
  final MethodHandle vocabTokens;
  final MethodHandle contextNew;
  final MethodHandle contextFree;
  final MethodHandle memory;
  final MethodHandle memoryClear;
  final MethodHandle sequenceRemove;
  final MethodHandle sequenceCopy;
  final MethodHandle sequenceShift;
  final MethodHandle stateSize;
  final MethodHandle stateGet;
  final MethodHandle stateSet;
  final MethodHandle decode;
  final MethodHandle synchronize;

  /**
   * Loads the libraries and, of the variants for processors, the best that runs here.
   *
   * @param folder where they lie
   * @param arena keeps them loaded
   */
  LlamaLibrary(Path folder, Arena arena) {
    SymbolLookup base = SymbolLookup.libraryLookup(find(folder, "libggml-base"), arena);
    SymbolLookup ggml = SymbolLookup.libraryLookup(find(folder, "libggml."), arena);
    symbols = SymbolLookup.libraryLookup(find(folder, "libllama."), arena).or(ggml).or(base);
    modelDefaultParams = of("llama_model_default_params", FunctionDescriptor.of(MODEL_PARAMS));
    contextDefaultParams =
        of("llama_context_default_params", FunctionDescriptor.of(CONTEXT_PARAMS));
    modelLoad =
        of("llama_model_load_from_file", FunctionDescriptor.of(ADDRESS, ADDRESS, MODEL_PARAMS));
    modelFree = of("llama_model_free", FunctionDescriptor.ofVoid(ADDRESS));
    modelVocab = of("llama_model_get_vocab", FunctionDescriptor.of(ADDRESS, ADDRESS));
    vocabTokens = of("llama_vocab_n_tokens", FunctionDescriptor.of(JAVA_INT, ADDRESS));
    contextNew =
        of("llama_init_from_model", FunctionDescriptor.of(ADDRESS, ADDRESS, CONTEXT_PARAMS));
    contextFree = of("llama_free", FunctionDescriptor.ofVoid(ADDRESS));
    memory = of("llama_get_memory", FunctionDescriptor.of(ADDRESS, ADDRESS));
    memoryClear = of("llama_memory_clear", FunctionDescriptor.ofVoid(ADDRESS, JAVA_BOOLEAN));
    sequenceRemove =
        of(
            "llama_memory_seq_rm",
            FunctionDescriptor.of(JAVA_BOOLEAN, ADDRESS, JAVA_INT, JAVA_INT, JAVA_INT));
    sequenceCopy =
        of(
            "llama_memory_seq_cp",
            FunctionDescriptor.ofVoid(ADDRESS, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT));
    sequenceShift =
        of(
            "llama_memory_seq_add",
            FunctionDescriptor.ofVoid(ADDRESS, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_INT));
    stateSize = of("llama_state_seq_get_size", FunctionDescriptor.of(JAVA_LONG, ADDRESS, JAVA_INT));
    stateGet =
        of(
            "llama_state_seq_get_data",
            FunctionDescriptor.of(JAVA_LONG, ADDRESS, ADDRESS, JAVA_LONG, JAVA_INT));
    stateSet =
        of(
            "llama_state_seq_set_data",
            FunctionDescriptor.of(JAVA_LONG, ADDRESS, ADDRESS, JAVA_LONG, JAVA_INT));
    decode = of("llama_decode", FunctionDescriptor.of(JAVA_INT, ADDRESS, BATCH));
    synchronize = of("llama_synchronize", FunctionDescriptor.ofVoid(ADDRESS));
    start(folder, arena);
    checkLayouts(arena);
  }

  private static Path find(Path folder, String prefix) {
    try (Stream<Path> files = Files.list(folder)) {
      return files
          .filter(file -> file.getFileName().toString().startsWith(prefix))
          .filter(file -> file.getFileName().toString().endsWith(".so"))
          .findFirst()
          .orElseThrow(() -> new IllegalStateException("no " + prefix + "*.so in " + folder));
    } catch (IOException e) {
      throw new IllegalStateException("cannot list " + folder + ": " + e.getMessage(), e);
    }
  }

  private MethodHandle of(String name, FunctionDescriptor type) {
    return linker.downcallHandle(symbols.findOrThrow(name), type);
  }

  private void start(Path folder, Arena arena) {
    FunctionDescriptor logType = FunctionDescriptor.ofVoid(JAVA_INT, ADDRESS, ADDRESS);
    try {
      MethodHandle log =
          MethodHandles.lookup()
              .findStatic(
                  LlamaLibrary.class,
                  "log",
                  MethodType.methodType(
                      void.class, int.class, MemorySegment.class, MemorySegment.class));
      of("llama_log_set", FunctionDescriptor.ofVoid(ADDRESS, ADDRESS))
          .invokeExact(linker.upcallStub(log, logType, arena), MemorySegment.NULL);
      of("ggml_backend_load_all_from_path", FunctionDescriptor.ofVoid(ADDRESS))
          .invokeExact(arena.allocateFrom(folder.toString()));
      of("llama_backend_init", FunctionDescriptor.ofVoid()).invokeExact();
    } catch (Throwable e) {
      throw wrap(e);
    }
  }

  private static void log(int level, MemorySegment text, MemorySegment user) {
    if (level == LOG_ERROR) {
      System.err.print(text.reinterpret(Long.MAX_VALUE).getString(0));
    }
  }

  /** Which of the library's variants for processors was chosen. */
  static String variant() {
    try (Stream<String> maps = Files.lines(Path.of("/proc/self/maps"))) {
      return maps.filter(line -> line.contains("libggml-cpu-"))
          .map(line -> line.replaceAll(".*libggml-cpu-|\\.so$", ""))
          .findFirst()
          .orElse("none");
    } catch (IOException e) {
      return "unknown";
    }
  }

  private void checkLayouts(Arena arena) {
    try {
      MemorySegment model = (MemorySegment) modelDefaultParams.invokeExact(allocator(arena));
      expect(model, MODEL_PARAMS, List.of("n_gpu_layers", "load_mode"), -1);
      expect(model, MODEL_PARAMS, List.of("split_mode", "lazy_mode"), 1);
      expect(model, MODEL_PARAMS, List.of("main_gpu"), 0);
      expectTrue(model, MODEL_PARAMS, "use_extra_bufts");
      MemorySegment context = (MemorySegment) contextDefaultParams.invokeExact(allocator(arena));
      expect(context, CONTEXT_PARAMS, List.of("n_ctx", "n_ubatch"), CONTEXT_DEFAULT);
      expect(context, CONTEXT_PARAMS, List.of("n_batch"), 4 * CONTEXT_DEFAULT);
      expect(context, CONTEXT_PARAMS, List.of("n_seq_max", "type_k", "type_v"), 1);
      expect(context, CONTEXT_PARAMS, List.of("n_threads", "n_threads_batch"), 4);
      expect(context, CONTEXT_PARAMS, List.of("rope_scaling_type", "flash_attn_type"), -1);
      expectTrue(context, CONTEXT_PARAMS, "swa_full");
    } catch (Throwable e) {
      throw wrap(e);
    }
  }

  private static final int CONTEXT_DEFAULT = 512;

  private static java.lang.foreign.SegmentAllocator allocator(Arena arena) {
    return arena;
  }

  private static void expect(
      MemorySegment struct, StructLayout layout, List<String> names, int value) {
    for (String name : names) {
      int found = struct.get(JAVA_INT, offset(layout, name));
      if (found != value) {
        throw unknown(name + " is " + found + " instead of " + value);
      }
    }
  }

  private static void expectTrue(MemorySegment struct, StructLayout layout, String name) {
    if (struct.get(java.lang.foreign.ValueLayout.JAVA_BYTE, offset(layout, name)) != 1) {
      throw unknown(name + " is not set");
    }
  }

  private static IllegalStateException unknown(String why) {
    return new IllegalStateException(
        "this llama.cpp is not of the release known here (by default "
            + why
            + "); install "
            + PACKAGE);
  }

  static long offset(StructLayout layout, String name) {
    return layout.byteOffset(MemoryLayout.PathElement.groupElement(name));
  }

  /** What a call into the library can throw, as something unchecked. */
  static RuntimeException wrap(Throwable e) {
    return switch (e) {
      case RuntimeException runtime -> runtime;
      case Error error -> throw error;
      default -> new IllegalStateException(e);
    };
  }
}
