package io.moka.checkpoint;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.moka.ModelException;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class SafetensorsFileTest {
  @TempDir private Path temp;

  @Test
  void whatTheFormatAllowsIsRead() throws IOException {
    Path file =
        write(
            "{\"__metadata__\":{\"format\":\"pt\"},"
                + "\"b\":{\"dtype\":\"BF16\",\"shape\":[2,1],\"data_offsets\":[7,11]},"
                + "\"odd\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[0,3]},"
                + "\"scalar\":{\"shape\":[],\"data_offsets\":[3,7],\"dtype\":\"F32\"},"
                + "\"empty\":{\"dtype\":\"F16\",\"shape\":[0,5],\"data_offsets\":[7,7]},"
                + "\"later\":{\"dtype\":\"F5\",\"shape\":[9],\"data_offsets\":[11,12]}}   ",
            12);
    try (Arena arena = Arena.ofConfined()) {
      SafetensorsFile opened = SafetensorsFile.open(file, arena);
      assertThat(opened.entries()).containsOnlyKeys("b", "odd", "scalar", "empty", "later");
      assertThat(opened.tensor("b").shape()).containsExactly(2L, 1L);
      assertThat(opened.tensor("scalar").shape()).isEmpty();
      assertThat(opened.data("odd").byteSize()).isEqualTo(3);
      assertThatThrownBy(() -> opened.tensor("odd")).hasMessageContaining("type U8");
      assertThatThrownBy(() -> opened.tensor("later")).hasMessageContaining("type F5");
      assertThatThrownBy(() -> opened.tensor("empty")).hasMessageContaining("empty");
      assertThatThrownBy(() -> opened.data("none")).hasMessageContaining("no tensor none");
    }
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = ';',
      quoteCharacter = '~',
      value = {
        "'a': {'dtype':'F32','shape':[2],'data_offsets':[0,4]}; 8; not [2] of F32",
        "'a': {'dtype':'F32','shape':[2],'data_offsets':[8,0]}; 8; begins at 8 and ends at 0",
        "'a': {'dtype':'F32','shape':[2],'data_offsets':[0,8]}; 4; file has 4",
        "'a': {'dtype':'F32','shape':[2],'data_offsets':[0,8]}; 12; file has 12",
        "'a': {'dtype':'F32','shape':[2],'data_offsets':[4,12]}; 12; leaves a gap",
        "'a': {'dtype':'F32','shape':[2],'data_offsets':[0,8]},"
            + "'b': {'dtype':'F32','shape':[2],'data_offsets':[4,12]}; 12; overlaps",
        "'a': {'dtype':'F32','shape':[1],'data_offsets':[0,4]},"
            + "'a': {'dtype':'F32','shape':[1],'data_offsets':[4,8]}; 8; twice",
        "'a': {'dtype':'F32','dtype':'F32','shape':[1],'data_offsets':[0,4]}; 4; dtype twice",
        "'a': {'dtype':'F32','shape':[4294967296,4294967296],'data_offsets':[0,0]}; 0; not",
        "'a': {'dtype':'F32','shape':[2305843009213693952],'data_offsets':[0,0]}; 0; not",
        "'a': {'dtype':'F4','shape':[3],'data_offsets':[0,1]}; 1; not [3] of F4",
        "'a': {'dtype':'F32','shape':[-1],'data_offsets':[0,4]}; 4; negative",
        "'a': {'dtype':'F32','shape':[1],'data_offsets':[-4,0]}; 4; negative",
        "'a': {'dtype':'F32','shape':[1.0],'data_offsets':[0,4]}; 4; expected a whole number",
        "'a': {'dtype':'F32','shape':['1'],'data_offsets':[0,4]}; 4; expected a whole number",
        "'a': {'dtype':'F32','shape':1,'data_offsets':[0,4]}; 4; expected a list",
        "'a': {'dtype':4,'shape':[1],'data_offsets':[0,4]}; 4; expected a string",
        "'a': {'dtype':'F32','shape':[1],'data_offsets':[0,4,8]}; 4; two data_offsets",
        "'a': {'dtype':'F32','shape':[1]}; 4; two data_offsets",
        "'a': {'dtype':'F32','shape':[1],'data_offsets':[0,4],'stride':[1]}; 4; unknown field",
        "'a': {'dtype':'F32','shape':[1],'data_offsets':[0,99999999999999999999]}; 4; not the JSON",
        "'a': 7; 0; expected an object",
        "'__metadata__': 7; 0; expected an object",
        "'a': {'dtype':'F32','shape':[1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1],'data_offsets':[0,4]}; 4;"
            + " 16",
      })
  void damageIsNamed(String entries, int dataBytes, String message) throws IOException {
    assertFails(write("{" + entries.replace('\'', '"') + "}", dataBytes), message);
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "[]", "7", "{", "{}{}", "{} x", "{\"a\":NaN}", "\uFEFF{}"})
  void headersThatAreNoJsonObjectAreRefused(String header) throws IOException {
    assertFails(write(header, 0), "header");
  }

  @Test
  void depthEncodingAndLengthAreBounded() throws IOException {
    String deep = "[".repeat(100_000) + "]".repeat(100_000);
    assertFails(write("{\"__metadata__\":{\"a\":" + deep + "}}", 0), "nesting depth");
    assertFails(write("{\"" + "x".repeat(300) + "\":{}}", 0), "header");
    assertFails(writeBytes(2, new byte[] {'{', (byte) 0xC3, (byte) 0x28, '}'}, 0), "header");
    for (long claimed : new long[] {3, 100_000_001, Long.MAX_VALUE, -1}) {
      assertFails(writeBytes(claimed, "{}".getBytes(StandardCharsets.UTF_8), 0), "claims");
    }
    assertFails(Files.write(temp.resolve("short"), new byte[7]), "7 bytes");
    assertFails(temp, "no regular file");
    assertFails(temp.resolve("none"), "no regular file");
  }

  @Test
  void aHeaderOfTooManyTensorsEndsBeforeTheHeapDoes() throws IOException {
    String entries =
        IntStream.range(0, ConfigReader.MOST_TENSORS + 1)
            .mapToObj(i -> "\"" + i + "\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}")
            .collect(Collectors.joining(","));
    assertFails(write("{" + entries + "}", 0), "more than 262144 tensors");
  }

  private Path write(String header, int dataBytes) throws IOException {
    byte[] json = header.getBytes(StandardCharsets.UTF_8);
    return writeBytes(json.length, json, dataBytes);
  }

  private Path writeBytes(long claimed, byte[] header, int dataBytes) throws IOException {
    ByteBuffer file =
        ByteBuffer.allocate(8 + header.length + dataBytes).order(ByteOrder.LITTLE_ENDIAN);
    file.putLong(claimed).put(header);
    return Files.write(temp.resolve("file.safetensors"), file.array());
  }

  private static void assertFails(Path file, String message) {
    try (Arena arena = Arena.ofConfined()) {
      assertThatThrownBy(() -> SafetensorsFile.open(file, arena))
          .isInstanceOf(ModelException.class)
          .hasMessageContaining(message);
    }
  }
}
