package io.moka.checkpoint;

import io.moka.IoReason;
import io.moka.ModelException;
import io.moka.weights.Tensor;
import io.moka.weights.WeightFormat;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Collections;
import java.util.List;
import java.util.Map;

/**
 * One safetensors file, mapped: its tensors are views into the mapping and need no heap. Data may
 * lie at any address; the format does not align it.
 *
 * @see <a href="https://github.com/huggingface/safetensors#format">The format</a>
 */
public final class SafetensorsFile {
  private static final Map<String, WeightFormat> FORMATS =
      Map.of("F32", WeightFormat.F32, "F16", WeightFormat.F16, "BF16", WeightFormat.BF16);

  private final Path file;
  private final SafetensorsHeader header;
  private final MemorySegment mapped;

  private SafetensorsFile(Path file, SafetensorsHeader header, MemorySegment mapped) {
    this.file = file;
    this.header = header;
    this.mapped = mapped;
  }

  /**
   * Where a tensor lies.
   *
   * @param dtype the file's name of the element type
   * @param shape dimensions, the contiguous one last; empty for a scalar
   * @param begin bytes from the data's beginning
   * @param end bytes from the data's beginning to the first byte behind
   */
  public record Entry(String dtype, List<Long> shape, long begin, long end) {}

  /**
   * Maps a file and checks its header.
   *
   * @param file a safetensors file
   * @param arena who owns the mapping
   * @return the open file
   * @throws ModelException when it cannot be read or is not whole
   */
  public static SafetensorsFile open(Path file, Arena arena) {
    if (!Files.isRegularFile(file)) {
      throw new ModelException(file + ": expected a safetensors file, found no regular file");
    }
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      MemorySegment mapped = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
      return new SafetensorsFile(file, SafetensorsHeader.read(mapped, file.toString()), mapped);
    } catch (IOException e) {
      throw new ModelException(file + ": cannot be read: " + IoReason.of(e), e);
    }
  }

  /**
   * What the file holds.
   *
   * @return entries by name, in the order of the header
   */
  public Map<String, Entry> entries() {
    return Collections.unmodifiableMap(header.tensors());
  }

  /**
   * The bytes of a tensor of any type.
   *
   * @param name one of {@link #entries()}
   * @return a view, read-only
   * @throws ModelException when there is no such tensor
   */
  public MemorySegment data(String name) {
    Entry entry = entry(name);
    return mapped.asSlice(header.dataOffset() + entry.begin(), entry.end() - entry.begin());
  }

  /**
   * A tensor of a type that Moka computes with.
   *
   * @param name one of {@link #entries()}
   * @return a view, read-only
   * @throws ModelException when there is no such tensor, or its type is not F32, F16 or BF16, or it
   *     is empty
   */
  public Tensor tensor(String name) {
    Entry entry = entry(name);
    if (!isSupported(entry.dtype())) {
      throw new ModelException(
          file + ": " + name + " is of type " + entry.dtype() + ", expected F32, F16 or BF16");
    }
    if (entry.begin() == entry.end()) {
      throw new ModelException(file + ": " + name + " is empty, of shape " + entry.shape());
    }
    return new Tensor(name, FORMATS.get(entry.dtype()), entry.shape(), data(name));
  }

  static boolean isSupported(String dtype) {
    return FORMATS.containsKey(dtype);
  }

  private Entry entry(String name) {
    Entry entry = header.tensors().get(name);
    if (entry == null) {
      throw new ModelException(file + ": holds no tensor " + name);
    }
    return entry;
  }
}
