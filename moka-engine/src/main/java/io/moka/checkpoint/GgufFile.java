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
import java.util.List;
import java.util.Set;

/**
 * One GGUF file, mapped: its tensors are views into the mapping and need no heap. A split model is
 * several such files.
 *
 * @see <a href="https://github.com/ggml-org/ggml/blob/master/docs/gguf.md">The format</a>
 */
final class GgufFile {
  private final Path file;
  private final GgufHeader header;
  private final MemorySegment mapped;

  private GgufFile(Path file, GgufHeader header, MemorySegment mapped) {
    this.file = file;
    this.header = header;
    this.mapped = mapped;
  }

  /** Maps a file and checks its head; the arena owns the mapping. */
  static GgufFile open(Path file, Arena arena) {
    if (!Files.isRegularFile(file)) {
      throw new ModelException(file + ": expected a GGUF file, found no regular file");
    }
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      MemorySegment mapped = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
      return new GgufFile(file, GgufHeader.read(mapped, file.toString()), mapped);
    } catch (IOException e) {
      throw new ModelException(file + ": cannot be read: " + IoReason.of(e), e);
    }
  }

  Path path() {
    return file;
  }

  int version() {
    return header.version();
  }

  GgufMetadata metadata() {
    return header.metadata();
  }

  /** The names of its tensors, in the order of the file. */
  Set<String> names() {
    return header.tensors().keySet();
  }

  GgufHeader.Entry entry(String name) {
    return header.tensors().get(name);
  }

  /**
   * A tensor of a type that Moka computes with, in the shape that the file says or an equal one.
   */
  Tensor tensor(String name, List<Long> shape) {
    GgufHeader.Entry entry = entry(name);
    WeightFormat format = GgmlType.format(entry.type()).orElseThrow();
    MemorySegment data =
        mapped.asSlice(
            header.dataOffset() + entry.offset(), format.bytes(Tensor.elements(entry.shape())));
    return new Tensor(name, format, shape, data);
  }
}
