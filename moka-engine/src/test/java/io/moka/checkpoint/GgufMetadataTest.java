package io.moka.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.moka.ModelException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.OptionalLong;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class GgufMetadataTest {
  @TempDir private Path temp;

  @Test
  void valuesOfEveryType() {
    GgufBytes file = new GgufBytes();
    file.raw("u8", GgufType.UINT8, new byte[] {-1}).raw("i8", GgufType.INT8, new byte[] {-1});
    file.raw("u16", GgufType.UINT16, new byte[] {-1, -1});
    file.raw("i16", GgufType.INT16, new byte[] {-2, -1});
    file.raw("u32", GgufType.UINT32, GgufBytes.bytes(-1));
    file.raw("i32", GgufType.INT32, GgufBytes.bytes(-1));
    file.raw("i64", GgufType.INT64, GgufBytes.bytes(Long.MIN_VALUE)).set("u64", Long.MAX_VALUE);
    file.set("f32", 1.5f).set("f64", 2.5).set("yes", true).set("no", false).set("text", "ä\n");
    GgufMetadata metadata = read(file);
    assertThat(metadata.keys()).containsExactlyElementsOf(file.pairs.keySet());
    assertThat(metadata.integer("u8")).hasValue(255);
    assertThat(metadata.integer("i8")).hasValue(-1);
    assertThat(metadata.integer("u16")).hasValue(65_535);
    assertThat(metadata.integer("i16")).hasValue(-2);
    assertThat(metadata.integer("u32")).hasValue(4_294_967_295L);
    assertThat(metadata.integer("i32")).hasValue(-1);
    assertThat(metadata.integer("i64")).hasValue(Long.MIN_VALUE);
    assertThat(metadata.integer("u64")).hasValue(Long.MAX_VALUE);
    assertThat(metadata.number("f32")).hasValue(1.5);
    assertThat(metadata.number("f64")).hasValue(2.5);
    assertThat(metadata.bool("yes")).contains(true);
    assertThat(metadata.bool("no")).contains(false);
    assertThat(metadata.string("text")).contains("ä\n");
  }

  @Test
  void arrays() {
    GgufBytes file = new GgufBytes();
    file.array("texts", GgufType.STRING, "a", "", "ä").array("none", GgufType.STRING);
    file.array("ints", GgufType.INT32, 1, -2).array("longs", GgufType.INT64, 3L, 1L << 32);
    file.array("floats", GgufType.FLOAT32, 0.5f).array("doubles", GgufType.FLOAT64, 0.25, 1.0);
    file.raw(
        "nested",
        GgufType.ARRAY,
        GgufBytes.bytes(
            GgufType.ARRAY.ordinal(), 2L, GgufType.UINT8.ordinal(), 3L, new byte[3], 8, 1L, "x"));
    file.set("last", 1);
    GgufMetadata metadata = read(file);
    assertThat(metadata.strings("texts").orElseThrow()).containsExactly("a", "", "ä");
    assertThat(metadata.strings("none").orElseThrow()).isEmpty();
    assertThat(metadata.ints("ints").orElseThrow()).containsExactly(1, -2);
    assertThat(metadata.floats("floats").orElseThrow()).containsExactly(0.5f);
    assertThat(metadata.floats("doubles").orElseThrow()).containsExactly(0.25f, 1);
    assertThat(metadata.length("nested")).hasValue(2);
    assertThat(metadata.integer("last")).hasValue(1);
    assertThatThrownBy(() -> metadata.ints("longs")).hasMessageContaining("element 1 of longs");
    assertThatThrownBy(() -> metadata.strings("nested")).hasMessageContaining("array of ARRAY");
  }

  @Test
  void whatIsNotThereIsEmptyAndAnotherTypeRefused() {
    GgufMetadata metadata = read(new GgufBytes().set("text", "x").set("number", 1));
    assertThat(metadata.string("none")).isEqualTo(Optional.empty());
    assertThat(metadata.integer("none")).isEqualTo(OptionalLong.empty());
    assertThat(metadata.number("none")).isEqualTo(OptionalDouble.empty());
    assertThat(metadata.bool("none")).isEqualTo(Optional.empty());
    assertThat(metadata.strings("none")).isEqualTo(Optional.empty());
    assertThat(metadata.floats("none")).isEqualTo(Optional.empty());
    assertThat(metadata.ints("none")).isEqualTo(Optional.empty());
    assertThat(metadata.length("none")).isEqualTo(OptionalLong.empty());
    assertThat(metadata.has("none")).isFalse();
    for (Runnable wrong :
        List.<Runnable>of(
            () -> metadata.integer("text"),
            () -> metadata.number("number"),
            () -> metadata.bool("number"),
            () -> metadata.string("number"),
            () -> metadata.strings("text"),
            () -> metadata.floats("number"),
            () -> metadata.ints("number"),
            () -> metadata.length("number"))) {
      assertThatThrownBy(wrong::run)
          .isInstanceOf(ModelException.class)
          .hasMessageContaining("is of type")
          .hasMessageContaining("model.gguf");
    }
  }

  @Test
  void wordsThatAreNoValuesAreRefused() {
    GgufMetadata metadata =
        read(
            new GgufBytes()
                .raw("bool", GgufType.BOOL, new byte[] {2})
                .raw("huge", GgufType.UINT64, GgufBytes.bytes(-1L))
                .raw("text", GgufType.STRING, GgufBytes.bytes(1L, new byte[] {-1}))
                .raw("texts", GgufType.ARRAY, GgufBytes.bytes(8, 1L, 1L, new byte[] {-1})));
    assertThatThrownBy(() -> metadata.bool("bool")).hasMessageContaining("bool is 2");
    assertThatThrownBy(() -> metadata.integer("huge")).hasMessageContaining("18446744073709551615");
    assertThatThrownBy(() -> metadata.string("text")).hasMessageContaining("not UTF-8");
    assertThatThrownBy(() -> metadata.strings("texts")).hasMessageContaining("not UTF-8");
  }

  @Test
  void aLargeVocabularyIsReadAndNoLargerOne() {
    Object[] tokens = IntStream.range(0, 152_000).mapToObj(i -> "token" + i).toArray();
    Object[] merges = IntStream.range(0, 400_000).mapToObj(i -> i + " " + i).toArray();
    Object[] tooMany = new Object[GgufMetadata.MAX_ELEMENTS + 1];
    Arrays.fill(tooMany, "");
    GgufBytes file = new GgufBytes();
    file.array("tokens", GgufType.STRING, tokens).array("merges", GgufType.STRING, merges);
    file.array("many", GgufType.STRING, tooMany);
    file.set("long", "x".repeat(GgufMetadata.MAX_TEXT_BYTES + 1));
    String half = "x".repeat(GgufMetadata.MAX_TEXT_BYTES / 2 + 1);
    file.array("halves", GgufType.STRING, half, half);
    GgufMetadata metadata = read(file);
    assertThat(metadata.strings("tokens").orElseThrow()).hasSize(152_000).endsWith("token151999");
    assertThat(metadata.strings("merges").orElseThrow()).hasSize(400_000).endsWith("399999 399999");
    assertThatThrownBy(() -> metadata.strings("many")).hasMessageContaining("1048577 elements");
    assertThatThrownBy(() -> metadata.strings("halves")).hasMessageContaining("bytes of text");
    assertThatThrownBy(() -> metadata.string("long")).isInstanceOf(ModelException.class);
  }

  @ParameterizedTest
  @ValueSource(longs = {-1, Long.MIN_VALUE, Long.MAX_VALUE, 1L << 61, 1L << 32, 1000, 100})
  void countsAndLengthsThatPassTheEndAreRefused(long claimed) {
    List<GgufBytes> files =
        List.of(
            new GgufBytes().raw("key", GgufType.STRING, GgufBytes.bytes(claimed, 1L)),
            new GgufBytes().raw("key", GgufType.ARRAY, GgufBytes.bytes(4, claimed, 1L)),
            new GgufBytes().raw("key", GgufType.ARRAY, GgufBytes.bytes(8, claimed, 0L)),
            new GgufBytes().raw("key", GgufType.ARRAY, GgufBytes.bytes(9, claimed, 0, 0L)));
    for (GgufBytes file : files) {
      assertThatThrownBy(() -> read(file)).isInstanceOf(ModelException.class);
    }
    assertThatThrownBy(() -> read(withCounts(0, claimed))).isInstanceOf(ModelException.class);
    assertThatThrownBy(() -> read(withCounts(claimed, 0))).isInstanceOf(ModelException.class);
  }

  private static MemorySegment withCounts(long tensors, long pairs) {
    return MemorySegment.ofArray(GgufBytes.bytes(0x46554747, 3, tensors, pairs));
  }

  @ParameterizedTest
  @ValueSource(ints = {6, 100, 100_000})
  void deepArraysAreRefused(int depth) {
    Object[] parts = new Object[2 * depth];
    for (int i = 0; i < depth; i++) {
      parts[2 * i] = GgufType.ARRAY.ordinal();
      parts[2 * i + 1] = 1L;
    }
    GgufBytes file = new GgufBytes().raw("key", GgufType.ARRAY, GgufBytes.bytes(parts));
    assertThatThrownBy(() -> read(file)).hasMessageContaining("nest deeper");
  }

  @Test
  void filesOfOtherKindsAreNamed() {
    GgufBytes file = new GgufBytes();
    file.magic = 0x67676A74;
    assertThatThrownBy(() -> read(file)).hasMessageContaining("not a GGUF file");
    file.magic = 0x46554747;
    file.version = 1;
    assertThatThrownBy(() -> read(file)).hasMessageContaining("GGUF version 1, the first one");
    file.version = 4;
    assertThatThrownBy(() -> read(file)).hasMessageContaining("version 4");
    file.version = 3 << 24;
    assertThatThrownBy(() -> read(file)).hasMessageContaining("big-endian");
    file.version = 2;
    assertThat(read(file).keys()).isEmpty();
    assertThatThrownBy(() -> read(MemorySegment.ofArray(new byte[3])))
        .hasMessageContaining("not a GGUF file");
  }

  @Test
  void aKeyMayComeOnce() {
    GgufBytes file = new GgufBytes().set("key", 1);
    file.claimedPairs = 2;
    file.pairs.put("key", GgufBytes.bytes(file.pairs.get("key"), "key", file.pairs.get("key")));
    assertThatThrownBy(() -> read(file)).hasMessageContaining("a second time");
  }

  private GgufMetadata read(GgufBytes file) {
    return read(MemorySegment.ofArray(file.build()));
  }

  private static GgufMetadata read(MemorySegment file) {
    return GgufHeader.read(file, "model.gguf").metadata();
  }

  @Test
  void metadataOfAFileIsReadUntilItIsClosed() {
    Path path = new GgufBytes().set("key", 7).write(temp.resolve("m.gguf"));
    try (Arena arena = Arena.ofShared()) {
      assertThat(GgufFile.open(path, arena).metadata().integer("key")).hasValue(7);
    }
  }
}
