package io.moka.checkpoint;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Writes GGUF files, whole ones and, where a field is set to a lie, damaged ones. */
final class GgufBytes {
  int magic = 0x46554747;
  int version = 3;
  long claimedTensors = -1;
  long claimedPairs = -1;
  int alignment = 32;
  final Map<String, byte[]> pairs = new LinkedHashMap<>();
  final List<Tensor> tensors = new ArrayList<>();

  /** A record and its data. */
  static final class Tensor {
    String name;
    int type;
    long[] dimensions; // the contiguous one first, as in the file
    int claimedDimensions;
    long offset = -1; // -1 for where it belongs
    byte[] data;

    Tensor(String name, int type, long[] dimensions, byte[] data) {
      this.name = name;
      this.type = type;
      this.dimensions = dimensions;
      this.claimedDimensions = dimensions.length;
      this.data = data;
    }
  }

  static byte[] bytes(Object... values) {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    for (Object value : values) {
      byte[] next =
          switch (value) {
            case Byte b -> new byte[] {b};
            case Integer i -> buffer(4).putInt(i).array();
            case Long l -> buffer(8).putLong(l).array();
            case Float f -> buffer(4).putFloat(f).array();
            case Double d -> buffer(8).putDouble(d).array();
            case String s -> {
              byte[] text = s.getBytes(StandardCharsets.UTF_8);
              yield buffer(8 + text.length).putLong(text.length).put(text).array();
            }
            case byte[] raw -> raw;
            default -> throw new IllegalArgumentException(value.toString());
          };
      out.writeBytes(next);
    }
    return out.toByteArray();
  }

  private static ByteBuffer buffer(int bytes) {
    return ByteBuffer.allocate(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  /** A pair of a 32-bit number, a 64-bit one, a float, a double, a bool or a text. */
  GgufBytes set(String key, Object value) {
    GgufType type =
        switch (value) {
          case Integer _ -> GgufType.UINT32;
          case Long _ -> GgufType.UINT64;
          case Float _ -> GgufType.FLOAT32;
          case Double _ -> GgufType.FLOAT64;
          case Boolean _ -> GgufType.BOOL;
          case String _ -> GgufType.STRING;
          default -> throw new IllegalArgumentException(value.toString());
        };
    Object raw = value instanceof Boolean yes ? (Object) (byte) (yes ? 1 : 0) : value;
    return raw(key, type, bytes(raw));
  }

  GgufBytes raw(String key, GgufType type, byte[] value) {
    pairs.put(key, bytes(type.ordinal(), value));
    return this;
  }

  GgufBytes array(String key, GgufType elementType, Object... elements) {
    return raw(
        key, GgufType.ARRAY, bytes(elementType.ordinal(), (long) elements.length, bytes(elements)));
  }

  Tensor tensor(String name) {
    return tensors.stream().filter(tensor -> tensor.name.equals(name)).findFirst().orElseThrow();
  }

  /**
   * Adds an F32 tensor whose numbers count up from {@code first}; the contiguous dimension last.
   */
  GgufBytes floats(String name, int first, long... shape) {
    long[] dimensions = new long[shape.length];
    int count = 1;
    for (int i = 0; i < shape.length; i++) {
      dimensions[shape.length - 1 - i] = shape[i];
      count *= (int) shape[i];
    }
    ByteBuffer data = buffer(4 * count);
    for (int i = 0; i < count; i++) {
      data.putFloat(first + i);
    }
    tensors.add(new Tensor(name, 0, dimensions, data.array()));
    return this;
  }

  byte[] build() {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.writeBytes(
        bytes(
            magic,
            version,
            claimedTensors < 0 ? (long) tensors.size() : claimedTensors,
            claimedPairs < 0 ? (long) pairs.size() : claimedPairs));
    pairs.forEach((key, value) -> out.writeBytes(bytes(key, value)));
    long end = 0;
    for (Tensor tensor : tensors) {
      out.writeBytes(bytes(tensor.name, tensor.claimedDimensions));
      for (long dimension : tensor.dimensions) {
        out.writeBytes(bytes(dimension));
      }
      out.writeBytes(bytes(tensor.type, tensor.offset < 0 ? end : tensor.offset));
      end += padded(tensor.data.length);
    }
    out.writeBytes(new byte[padded(out.size()) - out.size()]);
    for (Tensor tensor : tensors) {
      out.writeBytes(tensor.data);
      out.writeBytes(new byte[padded(tensor.data.length) - tensor.data.length]);
    }
    return out.toByteArray();
  }

  private int padded(int bytes) {
    return (bytes + alignment - 1) / alignment * alignment;
  }

  Path write(Path file) {
    try {
      return Files.write(file, build());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** A model of two layers, of the smallest sizes that differ from one another. */
  static GgufBytes model(String architecture) {
    GgufBytes file = new GgufBytes();
    file.set("general.architecture", architecture).set("general.type", "model");
    file.set("general.quantization_version", 2);
    String[] numbers = {
      "block_count 2",
      "context_length 64",
      "embedding_length 12",
      "feed_forward_length 6",
      "expert_count 3",
      "expert_used_count 2",
      "attention.head_count 4",
      "attention.head_count_kv 2",
      "attention.key_length 4",
      "attention.value_length 4"
    };
    for (String number : numbers) {
      String[] pair = number.split(" ");
      file.set(architecture + "." + pair[0], Integer.parseInt(pair[1]));
    }
    file.set(architecture + ".attention.layer_norm_rms_epsilon", 1e-6f);
    file.set(architecture + ".rope.freq_base", 1e6f);
    boolean qwen = architecture.equals("qwen3moe");
    if (qwen) {
      file.set("qwen3moe.expert_feed_forward_length", 6);
    }
    file.set("tokenizer.ggml.model", "gpt2").set("tokenizer.ggml.pre", "qwen2");
    file.array("tokenizer.ggml.tokens", GgufType.STRING, "a", "b", "ab", "<|end|>", "\u00e4");
    file.array("tokenizer.ggml.token_type", GgufType.INT32, 1, 1, 1, 3, 1);
    file.array("tokenizer.ggml.merges", GgufType.STRING, "a b");
    file.set("tokenizer.ggml.eos_token_id", 3).set("tokenizer.ggml.add_bos_token", false);
    file.floats("token_embd.weight", 0, 5, 12);
    for (int layer = 0; layer < 2; layer++) {
      String block = "blk." + layer + ".";
      file.floats(block + "attn_norm.weight", 1, 12).floats(block + "attn_q.weight", 100, 16, 12);
      file.floats(block + "attn_k.weight", 300, 8, 12).floats(block + "attn_v.weight", 400, 8, 12);
      file.floats(block + "attn_output.weight", 500, 12, 16);
      if (qwen) {
        file.floats(block + "attn_q_norm.weight", 2, 4).floats(block + "attn_k_norm.weight", 3, 4);
      }
      file.floats(block + "ffn_norm.weight", 4, 12).floats(block + "ffn_gate_inp.weight", 5, 3, 12);
      file.floats(block + "ffn_gate_exps.weight", 1000, 3, 6, 12);
      file.floats(block + "ffn_down_exps.weight", 2000, 3, 12, 6);
      file.floats(block + "ffn_up_exps.weight", 3000, 3, 6, 12);
    }
    return file.floats("output_norm.weight", 6, 12).floats("output.weight", 600, 5, 12);
  }
}
