package io.moka.checkpoint;

import io.moka.IoReason;
import io.moka.ModelException;
import io.moka.ModelNotFoundException;
import io.moka.checkpoint.PackedKey.Form;
import io.moka.weights.NativeMemory;
import io.moka.weights.Tensor;
import io.moka.weights.WeightFormat;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import tools.jackson.databind.JsonNode;

/**
 * A packed file, which holds everything that is needed to run: mapped, and used as it lies. Its
 * head is checked against its checksum, its pieces are not ({@link PackedVerifier} does that).
 */
public final class PackedCheckpoint implements Checkpoint {
  private final Path file;
  private final Arena arena;
  private final Map<String, MemorySegment> documents;
  private final ModelConfig config;
  private final GenerationDefaults defaults;
  private final Optional<GgufMetadata> metadata;
  private final Map<TensorKey, List<Long>> shapes;
  private final PackedWeights weights;

  private PackedCheckpoint(Path file, Arena arena, MemorySegment mapped) {
    this.file = file;
    this.arena = arena;
    PackedHead head = PackedHead.read(mapped, file.toString());
    this.documents = head.documents();
    this.config =
        document(PackedFormat.CONFIG)
            .map(json -> ConfigReader.read(parse(json, PackedFormat.CONFIG), inside("config.json")))
            .orElseThrow(
                () -> PackedHead.damaged(file.toString(), "it holds no " + PackedFormat.CONFIG));
    this.defaults =
        document(PackedFormat.GENERATION_CONFIG)
            .map(json ->
                GenerationConfigReader.read(
                    parse(json, PackedFormat.GENERATION_CONFIG),
                    config.vocabSize(),
                    inside(PackedFormat.GENERATION_CONFIG)))
            .orElse(GenerationDefaults.NONE);
    this.metadata =
        Optional.ofNullable(documents.get(PackedFormat.METADATA))
            .map(gguf -> GgufHeader.read(gguf, inside(PackedFormat.METADATA)).metadata());
    this.weights = PackedWeights.match(mapped, file.toString(), head, config);
    this.shapes = ModelTensors.of(config);
  }

  /**
   * Maps a file and checks everything but the values of the weights.
   *
   * @param file a packed file
   * @return the open model; close it to unmap the file
   * @throws ModelNotFoundException when there is no such file
   * @throws ModelException when it is stale, foreign or damaged
   */
  public static PackedCheckpoint open(Path file) {
    if (!Files.exists(file)) {
      throw new ModelNotFoundException(file + ": there is no such file; make it with prefuse");
    }
    if (!Files.isRegularFile(file)) {
      throw new ModelException(file + ": expected a packed file, found no regular file");
    }
    Arena arena = Arena.ofShared();
    try (FileChannel channel = FileChannel.open(file, StandardOpenOption.READ)) {
      MemorySegment mapped = channel.map(FileChannel.MapMode.READ_ONLY, 0, channel.size(), arena);
      return new PackedCheckpoint(file, arena, NativeMemory.view(mapped, arena));
    } catch (IOException e) {
      arena.close();
      throw new ModelException(file + ": cannot be read: " + IoReason.of(e), e);
    } catch (RuntimeException | Error e) {
      arena.close();
      throw e;
    }
  }

  private JsonNode parse(byte[] json, String name) {
    return JsonText.parseObject(json, inside(name));
  }

  private String inside(String document) {
    return file + ", " + document;
  }

  @Override
  public ModelConfig config() {
    return config;
  }

  @Override
  public GenerationDefaults generationDefaults() {
    return defaults;
  }

  @Override
  public Tensor tensor(TensorKey key) {
    TensorInfo info = describe(key);
    PackedPiece piece = weights.holding(key);
    Form form = piece.key().kind().form();
    if (form != Form.TABLE && form != Form.VECTOR) {
      throw weights.packedAlone(key);
    }
    long offset = 0;
    for (TensorKey before : piece.sources().subList(0, piece.sources().indexOf(key))) {
      offset += info.format().bytes(Tensor.elements(shapes.get(before)));
    }
    MemorySegment data = weights.data(piece.key()).asSlice(offset, info.bytes());
    return new Tensor(info.name(), info.format(), info.shape(), data);
  }

  @Override
  public TensorInfo describe(TensorKey key) {
    List<Long> shape = shapes.get(key);
    if (shape == null) {
      throw new IllegalArgumentException(file + ": the configuration has no " + key);
    }
    WeightFormat format = weights.holding(key).format();
    return new TensorInfo(HuggingFaceNames.of(config, key), format, shape);
  }

  @Override
  public void release(Tensor tensor) {
    // what it shares with other processes stays
  }

  @Override
  public Optional<Path> folder() {
    return Optional.empty();
  }

  @Override
  public List<Path> files() {
    return List.of(file);
  }

  @Override
  public Optional<GgufMetadata> metadata() {
    return metadata;
  }

  @Override
  public Optional<byte[]> document(String name) {
    return Optional.ofNullable(documents.get(name))
        .map(document -> {
          if (document.byteSize() > PackedFormat.MAX_DOCUMENT_BYTES) {
            throw PackedHead.damaged(
                file.toString(),
                "%s has %d bytes, of at most %d"
                    .formatted(name, document.byteSize(), PackedFormat.MAX_DOCUMENT_BYTES));
          }
          return document.toArray(ValueLayout.JAVA_BYTE);
        });
  }

  @Override
  public Optional<PackedWeights> packed() {
    return Optional.of(weights);
  }

  @Override
  public void close() {
    if (arena.scope().isAlive()) {
      arena.close();
    }
  }
}
