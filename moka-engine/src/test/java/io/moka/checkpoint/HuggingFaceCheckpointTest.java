package io.moka.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.moka.ModelException;
import io.moka.ModelNotFoundException;
import io.moka.checkpoint.TensorKey.Part;
import io.moka.weights.Tensor;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

class HuggingFaceCheckpointTest {
  private static final JsonMapper JSON = JsonMapper.builder().build();
  private static final String INDEX = "model.safetensors.index.json";
  private static final String FIRST = "model-00001-of-00005.safetensors";

  @TempDir private Path temp;

  private Path single;
  private Path sharded;

  @BeforeEach
  void writeModels() {
    single = temp.resolve("single");
    sharded = temp.resolve("sharded");
    try (Checkpoint source = RandomCheckpoint.of(TinyModels.QWEN, 1)) {
      CheckpointWriter.write(source, single);
      CheckpointWriter.write(source, sharded, 120);
    }
  }

  @Test
  void aFolderThatIsNotThereAndOneWithoutAModel() throws IOException {
    assertThatThrownBy(() -> HuggingFaceCheckpoint.open(temp.resolve("none")))
        .isInstanceOf(ModelNotFoundException.class);
    assertThatThrownBy(() -> HuggingFaceCheckpoint.open(temp)).hasMessageContaining("config.json");
    Files.delete(single.resolve("model.safetensors"));
    assertFails(single, "safetensors");
  }

  @Test
  void closedTwiceAndReadAfterwards() {
    Checkpoint checkpoint = HuggingFaceCheckpoint.open(single);
    Tensor norm = checkpoint.tensor(TensorKey.model(Part.FINAL_NORM));
    assertThatThrownBy(() -> checkpoint.tensor(TensorKey.layer(Part.ROUTER, 1)))
        .isInstanceOf(IllegalArgumentException.class);
    checkpoint.close();
    checkpoint.close();
    assertThatThrownBy(() -> norm.data().get(ValueLayout.JAVA_BYTE, 0))
        .isInstanceOf(IllegalStateException.class);
  }

  @Test
  void everyMismatchIsInOneMessage() throws IOException {
    ObjectNode header = header(single);
    header.remove("lm_head.weight");
    String router = "model.layers.0.mlp.gate.weight";
    ((ObjectNode) header.get(router)).putArray("shape").add(4).add(2);
    header.set("stranger", header.get("model.norm.weight"));
    header.remove("model.norm.weight");
    writeTogether(single, header);
    assertFails(
        single,
        "missing: model.norm.weight, lm_head.weight",
        "of another shape: " + router + " [4, 2], expected [2, 4]",
        "not called for: stranger");
  }

  @Test
  void longListsAreCut() throws IOException {
    ObjectNode config = (ObjectNode) JSON.readTree(Files.readString(single.resolve("config.json")));
    config.put("num_experts", 30);
    Files.writeString(single.resolve("config.json"), config.toString());
    assertFails(single, "missing: ", " and 74 more");
  }

  @Test
  void otherTypesAreNamedOnlyWhereTheTensorIsNeeded() throws IOException {
    ObjectNode header = header(single);
    ((ObjectNode) header.get("model.norm.weight")).put("dtype", "I16");
    writeTogether(single, header);
    assertFails(single, "not of type F32, F16 or BF16: model.norm.weight is I16");
    ((ObjectNode) header.get("model.norm.weight")).put("dtype", "BF16");
    header.set("model.layers.1.self_attn.rotary_emb.inv_freq", entry("Q9"));
    writeTogether(single, header);
    HuggingFaceCheckpoint.open(single).close();
  }

  @Test
  void aHeadBesideTiedEmbeddingsIsIgnored() throws IOException {
    ObjectNode config = (ObjectNode) JSON.readTree(Files.readString(single.resolve("config.json")));
    config.put("tie_word_embeddings", true);
    Files.writeString(single.resolve("config.json"), config.toString());
    HuggingFaceCheckpoint.open(single).close();
  }

  @ParameterizedTest
  @CsvSource({
    "../model.safetensors",
    "/etc/model.safetensors",
    "sub/model.safetensors",
    "..",
    "model.bin",
    "''",
    ".hidden.safetensors",
    "a\\b.safetensors"
  })
  void anIndexMayNameOnlyFilesOfItsFolder(String name) throws IOException {
    ObjectNode index = index();
    ((ObjectNode) index.get("weight_map")).put("lm_head.weight", name);
    writeIndex(index);
    assertFails(sharded, "plain name");
  }

  @Test
  void anIndexMustAgreeWithItsShards() throws IOException {
    ObjectNode index = index();
    ((ObjectNode) index.get("weight_map")).put("lm_head.weight", FIRST).put("ghost", FIRST);
    ((ObjectNode) index.get("weight_map")).remove("model.embed_tokens.weight");
    writeIndex(index);
    assertFails(
        sharded,
        "not where the index says",
        "lm_head.weight is not in " + FIRST,
        "ghost is not in " + FIRST,
        "model.embed_tokens.weight in " + FIRST);
  }

  @Test
  void aMissingShardIsNamed() throws IOException {
    Files.delete(sharded.resolve(FIRST));
    assertFails(sharded, "missing: " + FIRST);
  }

  @Test
  void theSingleFileComesBeforeAnIndex() throws IOException {
    Files.writeString(single.resolve(INDEX), "nonsense");
    HuggingFaceCheckpoint.open(single).close();
  }

  @Test
  void linksOfTheCacheLeadToItsBlobs() throws IOException {
    Path snapshot = snapshot("blobs");
    try (Checkpoint checkpoint = HuggingFaceCheckpoint.open(snapshot)) {
      assertThat(checkpoint.config()).isEqualTo(TinyModels.QWEN);
    }
    Path link = Files.createSymbolicLink(temp.resolve("link"), snapshot);
    HuggingFaceCheckpoint.open(link).close();
  }

  @Test
  void linksOfTheCacheMayNotLeadOutOfIt() throws IOException {
    Path snapshot = snapshot("../elsewhere");
    assertFails(snapshot, "leads out of");
    Path link = Files.createSymbolicLink(temp.resolve("link"), snapshot);
    assertFails(link, "leads out of");
  }

  /** As newer versions of huggingface_hub lay it out: the blob is a link in its turn. */
  @Test
  void linksOfTheCacheMayLeadToBlobsThatModelsShare() throws IOException {
    Path snapshot = snapshot("blobs");
    Path hash = Path.of("ab" + "0".repeat(62));
    Path shared = Files.createDirectories(temp.resolve("cache/blobs/ab"));
    Path blob = temp.resolve("cache/models--org--name/blobs/model.safetensors");
    Files.move(blob, shared.resolve(hash));
    Files.createSymbolicLink(blob, Path.of("../../blobs/ab").resolve(hash));
    HuggingFaceCheckpoint.open(snapshot).close();
    Files.move(shared.resolve(hash), shared.resolve("other"));
    Files.delete(blob);
    Files.createSymbolicLink(blob, Path.of("../../blobs/ab/other"));
    assertFails(snapshot, "leads out of");
  }

  @Test
  void linksOfOtherFoldersMayLeadAnywhere() throws IOException {
    Path folder = Files.createDirectories(temp.resolve("linked"));
    try (Stream<Path> files = Files.list(single)) {
      for (Path file : files.toList()) {
        Files.createSymbolicLink(folder.resolve(file.getFileName()), file);
      }
    }
    HuggingFaceCheckpoint.open(folder).close();
  }

  private Path snapshot(String blobs) throws IOException {
    Path root = temp.resolve("cache/models--org--name");
    Path folder = Files.createDirectories(root.resolve("snapshots/abc"));
    Files.createDirectories(root.resolve(blobs));
    try (Stream<Path> files = Files.list(single)) {
      for (Path file : files.toList()) {
        Path name = file.getFileName();
        Files.copy(file, root.resolve(blobs).resolve(name));
        Files.createSymbolicLink(folder.resolve(name), Path.of("../..", blobs).resolve(name));
      }
    }
    return folder;
  }

  private static ObjectNode entry(String dtype) {
    ObjectNode entry = JSON.createObjectNode().put("dtype", dtype);
    entry.putArray("shape").add(4);
    entry.putArray("data_offsets").add(0).add(8);
    return entry;
  }

  private static ObjectNode header(Path folder) throws IOException {
    byte[] all = Files.readAllBytes(folder.resolve("model.safetensors"));
    int length = (int) ByteBuffer.wrap(all).order(ByteOrder.LITTLE_ENDIAN).getLong();
    ObjectNode header =
        (ObjectNode) JSON.readTree(new String(all, 8, length, StandardCharsets.UTF_8));
    header.remove("__metadata__");
    return header;
  }

  /** Writes a file of zeros with this header; offsets are given anew, without gaps. */
  private static void writeTogether(Path folder, ObjectNode header) throws IOException {
    long end = 0;
    for (String name : List.copyOf(header.propertyNames())) {
      ObjectNode entry = (ObjectNode) header.get(name).deepCopy();
      long size =
          entry.get("data_offsets").get(1).longValue()
              - entry.get("data_offsets").get(0).longValue();
      entry.putArray("data_offsets").add(end).add(end + size);
      header.set(name, entry);
      end += size;
    }
    byte[] json = header.toString().getBytes(StandardCharsets.UTF_8);
    ByteBuffer file =
        ByteBuffer.allocate(8 + json.length + (int) end).order(ByteOrder.LITTLE_ENDIAN);
    file.putLong(json.length).put(json);
    Files.write(folder.resolve("model.safetensors"), file.array());
  }

  private ObjectNode index() throws IOException {
    return (ObjectNode) JSON.readTree(Files.readString(sharded.resolve(INDEX)));
  }

  private void writeIndex(ObjectNode index) throws IOException {
    Files.writeString(sharded.resolve(INDEX), index.toString());
  }

  private static void assertFails(Path folder, String... messages) {
    assertThatThrownBy(() -> HuggingFaceCheckpoint.open(folder))
        .isInstanceOf(ModelException.class)
        .hasMessageContainingAll(messages);
  }
}
