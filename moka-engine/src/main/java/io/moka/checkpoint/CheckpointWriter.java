package io.moka.checkpoint;

import io.moka.IoReason;
import io.moka.ModelException;
import io.moka.checkpoint.TensorKey.Part;
import io.moka.weights.Tensor;
import io.moka.weights.WeightFormat;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import tools.jackson.databind.SerializationFeature;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/** Writes any checkpoint as a Hugging Face folder, without tokenizer. */
public final class CheckpointWriter {
  private static final long SHARD_ELEMENTS = 2_000_000_000; // about 4 GB of BF16
  private static final String PARTIAL = ".partial";
  private static final JsonMapper MAPPER =
      JsonMapper.builder().enable(SerializationFeature.INDENT_OUTPUT).build();

  private final Checkpoint source;
  private final Path folder;
  private final List<String> written = new ArrayList<>();
  private final List<Path> madeFolders = new ArrayList<>(); // the innermost first

  private CheckpointWriter(Checkpoint source, Path folder) {
    this.source = source;
    this.folder = folder;
  }

  /**
   * Writes configuration and weights. Files have their names only when all of them are whole,
   * {@code config.json} last: a folder that opens is complete.
   *
   * @param checkpoint what to write; every tensor is released when it is written
   * @param folder where to; it is created, or empty
   * @throws ModelException when the folder is not empty or cannot be written
   */
  public static void write(Checkpoint checkpoint, Path folder) {
    write(checkpoint, folder, SHARD_ELEMENTS);
  }

  static void write(Checkpoint checkpoint, Path folder, long shardElements) {
    CheckpointWriter writer = new CheckpointWriter(checkpoint, folder);
    boolean complete = false;
    try {
      writer.write(shardElements);
      complete = true;
    } catch (IOException e) {
      throw new ModelException(folder + ": cannot be written: " + IoReason.of(e), e);
    } finally {
      writer.removePartialFiles();
      if (!complete) {
        writer.removeMadeFolders();
      }
    }
  }

  private void write(long shardElements) throws IOException {
    makeFolders();
    try (Stream<Path> files = Files.list(folder)) {
      if (files.findAny().isPresent()) {
        throw new ModelException(folder + ": is not empty; give a new folder");
      }
    }
    writeShards(plan(shardElements));
    if (!source.generationDefaults().equals(GenerationDefaults.NONE)) {
      writeText(
          "generation_config.json", ConfigWriter.generationConfig(source.generationDefaults()));
    }
    Tensor sample = source.tensor(TensorKey.layer(Part.WQ, 0));
    WeightFormat format = sample.format();
    source.release(sample);
    writeText("config.json", ConfigWriter.config(source.config(), format));
    for (String name : written) {
      Files.move(
          folder.resolve(name + PARTIAL), folder.resolve(name), StandardCopyOption.ATOMIC_MOVE);
    }
  }

  private void makeFolders() throws IOException {
    Deque<Path> missing = new ArrayDeque<>();
    for (Path at = folder.toAbsolutePath(); at != null && Files.notExists(at); ) {
      missing.push(at);
      at = at.getParent();
    }
    // one by one: a link that leads nowhere is in the way, and not ours to remove
    for (Path folderToMake : missing) {
      Files.createDirectory(folderToMake);
      madeFolders.addFirst(folderToMake);
    }
  }

  /** Cuts the tensors, in the order of the forward pass, into shards of about as many elements. */
  private List<Map<TensorKey, List<Long>>> plan(long shardElements) {
    List<Map<TensorKey, List<Long>>> shards = new ArrayList<>();
    long elements = shardElements;
    for (Map.Entry<TensorKey, List<Long>> tensor : ModelTensors.of(source.config()).entrySet()) {
      long size = Tensor.elements(tensor.getValue());
      if (shards.isEmpty() || elements + size > shardElements) {
        shards.add(new LinkedHashMap<>());
        elements = 0;
      }
      shards.getLast().put(tensor.getKey(), tensor.getValue());
      elements += size;
    }
    return shards;
  }

  private void writeShards(List<Map<TensorKey, List<Long>>> shards) throws IOException {
    if (shards.size() == 1) {
      ShardWriter.write(partial("model.safetensors"), source, shards.getFirst());
      return;
    }
    ObjectNode index = MAPPER.createObjectNode();
    ObjectNode metadata = index.putObject("metadata");
    ObjectNode weightMap = index.putObject("weight_map");
    long totalBytes = 0;
    for (int shard = 0; shard < shards.size(); shard++) {
      String name = "model-%05d-of-%05d.safetensors".formatted(shard + 1, shards.size());
      totalBytes += ShardWriter.write(partial(name), source, shards.get(shard));
      for (TensorKey key : shards.get(shard).keySet()) {
        weightMap.put(HuggingFaceNames.of(source.config(), key), name);
      }
    }
    metadata.put("total_size", totalBytes);
    writeText("model.safetensors.index.json", MAPPER.writeValueAsString(index) + "\n");
  }

  private void writeText(String name, String text) throws IOException {
    Files.writeString(partial(name), text);
  }

  private Path partial(String name) {
    written.add(name);
    return folder.resolve(name + PARTIAL);
  }

  /** What is not empty stays. */
  private void removeMadeFolders() {
    try {
      for (Path made : madeFolders) {
        Files.deleteIfExists(made);
      }
    } catch (IOException kept) {
      // the error that led here says more
    }
  }

  private void removePartialFiles() {
    for (String name : written) {
      try {
        Files.deleteIfExists(folder.resolve(name + PARTIAL));
      } catch (IOException kept) {
        // what stays behind has a name that no reader looks for, and the error that led here says
        // more
      }
    }
  }
}
