package io.moka.bench.compare;

import io.moka.checkpoint.ModelConfig;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;

/**
 * GGUF files of random weights in the shape of a qwen3moe model, written as fast as the disk takes
 * them: the blocks of each type come from a pool that is walked round and round, and its length is
 * prime, so that rows and experts differ.
 *
 * <p>A matrix's values have a variance of one over its columns, so that activations keep a size
 * near one, and routing spreads over all experts.
 */
final class RandomGguf {
  /** Counts changes to what is written: files of another version are not taken for this one's. */
  static final int VERSION = 2;

  private static final long SEED = 1;
  private static final int POOL_BYTES = 48 << 20;
  private static final int WRITE_BYTES = 8 << 20;

  private final ModelConfig config;
  private final BlockType body;
  private final GgufWriter head = new GgufWriter();
  private final List<Part> parts = new ArrayList<>();

  /** A tensor and where it goes; a deviation of zero stands for ones, the weights of a norm. */
  private record Part(BlockType type, long elements, long offset, double deviation) {}

  /** Which random blocks. */
  private record Pool(BlockType type, double deviation) {}

  private RandomGguf(ModelConfig config, BlockType body) {
    this.config = config;
    this.body = body;
    metadata();
    tensors();
  }

  /**
   * Writes a file; it appears under its name when it is complete.
   *
   * @param file where to
   * @param config the shape, of model type {@code qwen3_moe}
   * @param body type of the matrices; Q4_K and Q5_K are mixed with Q6_K as Q4_K_M and Q5_K_M are
   */
  static void write(Path file, ModelConfig config, BlockType body) throws IOException {
    Files.createDirectories(file.toAbsolutePath().getParent());
    Path partial = file.resolveSibling(file.getFileName() + ".part");
    try {
      new RandomGguf(config, body).write(partial);
      Files.move(partial, file, StandardCopyOption.ATOMIC_MOVE);
    } finally {
      Files.deleteIfExists(partial);
    }
  }

  private void metadata() {
    ModelConfig.Moe moe = config.moe();
    String architecture = "qwen3moe";
    head.put("general.architecture", architecture);
    head.put("general.name", "random " + architecture + " " + body);
    head.put("general.file_type", body.fileType());
    head.put("general.quantization_version", 2);
    head.put("general.alignment", GgufWriter.ALIGNMENT);
    String prefix = architecture + ".";
    head.put(prefix + "block_count", config.numHiddenLayers());
    head.put(prefix + "context_length", config.maxPositionEmbeddings());
    head.put(prefix + "embedding_length", config.hiddenSize());
    head.put(prefix + "feed_forward_length", config.intermediateSize());
    head.put(prefix + "expert_feed_forward_length", moe.moeIntermediateSize());
    head.put(prefix + "expert_count", moe.numExperts());
    head.put(prefix + "expert_used_count", moe.numExpertsPerTok());
    head.put(prefix + "attention.head_count", config.numAttentionHeads());
    head.put(prefix + "attention.head_count_kv", config.numKeyValueHeads());
    head.put(prefix + "attention.key_length", config.headDim());
    head.put(prefix + "attention.value_length", config.headDim());
    head.put(prefix + "rope.freq_base", (float) config.rope().theta());
    head.put(prefix + "attention.layer_norm_rms_epsilon", config.rmsNormEps());
    head.put(prefix + "vocab_size", config.vocabSize());
    FillerVocabulary.put(head, config.vocabSize());
  }

  private void tensors() {
    long hidden = config.hiddenSize();
    long queries = (long) config.numAttentionHeads() * config.headDim();
    long keys = (long) config.numKeyValueHeads() * config.headDim();
    long experts = config.moe().numExperts();
    long width = config.moe().moeIntermediateSize();
    matrix("token_embd", body, hidden, config.vocabSize());
    for (int layer = 0; layer < config.numHiddenLayers(); layer++) {
      String prefix = "blk." + layer + ".";
      BlockType better = hasMoreBits(layer) ? BlockType.Q6_K : body;
      norm(prefix + "attn_norm", hidden);
      matrix(prefix + "attn_q", body, hidden, queries);
      matrix(prefix + "attn_k", body, hidden, keys);
      matrix(prefix + "attn_v", better, hidden, keys);
      matrix(prefix + "attn_output", body, queries, hidden);
      norm(prefix + "attn_q_norm", config.headDim());
      norm(prefix + "attn_k_norm", config.headDim());
      norm(prefix + "ffn_norm", hidden);
      matrix(prefix + "ffn_gate_inp", BlockType.F32, hidden, experts);
      matrix(prefix + "ffn_gate_exps", body, hidden, width, experts);
      matrix(prefix + "ffn_up_exps", body, hidden, width, experts);
      matrix(prefix + "ffn_down_exps", better, width, hidden, experts);
    }
    norm("output_norm", hidden);
    boolean few = body.blockElements() > 1 && body != BlockType.Q8_0;
    matrix("output", few ? BlockType.Q6_K : body, hidden, config.vocabSize());
  }

  /** The layers whose v and down have six bits in llama.cpp's "M" mixtures. */
  private boolean hasMoreBits(int layer) {
    int layers = config.numHiddenLayers();
    boolean mixed = body == BlockType.Q4_K || body == BlockType.Q5_K;
    boolean outer = layer < layers / 8 || layer >= 7 * layers / 8;
    return mixed && (outer || (layer - layers / 8) % 3 == 2);
  }

  private void norm(String name, long size) {
    add(name, BlockType.F32, 0, List.of(size));
  }

  private void matrix(String name, BlockType type, long columns, long rows, long experts) {
    add(name, type, 1 / Math.sqrt(columns), List.of(columns, rows, experts));
  }

  private void matrix(String name, BlockType type, long columns, long rows) {
    double deviation = name.equals("token_embd") ? 1 : 1 / Math.sqrt(columns);
    add(name, type, deviation, List.of(columns, rows));
  }

  private void add(String name, BlockType type, double deviation, List<Long> shape) {
    if (shape.getFirst() % type.blockElements() != 0) {
      throw new IllegalArgumentException(
          name + ": rows of " + shape.getFirst() + " are no whole blocks of " + type);
    }
    long elements = shape.stream().reduce(1L, Math::multiplyExact);
    long offset = head.tensor(name + ".weight", type, shape);
    parts.add(new Part(type, elements, offset, deviation));
  }

  private void write(Path file) throws IOException {
    byte[] first = head.head();
    try (Arena arena = Arena.ofShared();
        FileChannel channel =
            FileChannel.open(
                file,
                StandardOpenOption.CREATE,
                StandardOpenOption.TRUNCATE_EXISTING,
                StandardOpenOption.WRITE)) {
      writeFully(channel, ByteBuffer.wrap(first), 0);
      Map<Pool, Long> largest = new HashMap<>();
      for (Part part : parts) {
        if (part.deviation > 0) {
          long blocks = part.elements / part.type.blockElements();
          largest.merge(new Pool(part.type, part.deviation), blocks, Math::max);
        }
      }
      Map<Pool, MemorySegment> pools = new HashMap<>();
      largest.forEach((pool, blocks) -> pools.put(pool, blocks(pool, blocks, arena)));
      // several writers: it is the copying into the page cache that takes the time
      parts.parallelStream()
          .forEach(part -> {
            try {
              write(channel, first.length + part.offset, part, pools);
            } catch (IOException e) {
              throw new UncheckedIOException(e);
            }
          });
      long end = first.length + head.dataBytes();
      if (channel.size() < end) {
        writeFully(channel, ByteBuffer.wrap(new byte[1]), end - 1);
      }
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
  }

  private static MemorySegment blocks(Pool pool, long most, Arena arena) {
    long limit = Math.min(POOL_BYTES / pool.type.blockBytes(), most);
    long count = BigInteger.valueOf(limit).nextProbablePrime().longValueExact();
    MemorySegment memory = arena.allocate(count * pool.type.blockBytes(), Long.BYTES);
    pool.type.fill(memory, pool.deviation, new SplittableRandom(SEED + pool.type.ordinal()));
    return memory;
  }

  private static void write(
      FileChannel channel, long start, Part part, Map<Pool, MemorySegment> pools)
      throws IOException {
    if (part.deviation == 0) {
      ByteBuffer ones =
          ByteBuffer.allocate((int) part.elements * Float.BYTES).order(ByteOrder.LITTLE_ENDIAN);
      while (ones.hasRemaining()) {
        ones.putFloat(1);
      }
      writeFully(channel, ones.flip(), start);
      return;
    }
    MemorySegment pool = pools.get(new Pool(part.type, part.deviation));
    long bytes = part.type.bytes(part.elements);
    // each tensor begins elsewhere in the pool
    long at = start / part.type.blockBytes() * part.type.blockBytes() % pool.byteSize();
    for (long done = 0; done < bytes; ) {
      long count = Math.min(Math.min(bytes - done, pool.byteSize() - at), WRITE_BYTES);
      writeFully(channel, pool.asSlice(at, count).asByteBuffer(), start + done);
      done += count;
      at = (at + count) % pool.byteSize();
    }
  }

  private static void writeFully(FileChannel channel, ByteBuffer bytes, long position)
      throws IOException {
    long at = position;
    while (bytes.hasRemaining()) {
      at += channel.write(bytes, at);
    }
  }
}
