package io.moka;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** Expected values: a plain reading of a small safetensors file with F32 and I32 tensors. */
public final class GoldenTensors {
  /** Where the golden data lies. */
  public static final Path FOLDER = Path.of("src/test/resources/golden");

  private static final JsonMapper JSON = JsonMapper.builder().build();

  private final Map<String, float[]> values = new HashMap<>();

  private GoldenTensors() {}

  public static JsonNode json(Path file) throws IOException {
    return JSON.readTree(Files.readAllBytes(file));
  }

  public static int[] ids(JsonNode array) {
    return array.valueStream().mapToInt(JsonNode::intValue).toArray();
  }

  public static GoldenTensors read(Path file) throws IOException {
    byte[] bytes = Files.readAllBytes(file);
    ByteBuffer buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
    int length = (int) buffer.getLong(0);
    JsonNode header = JSON.readTree(new String(bytes, 8, length, StandardCharsets.UTF_8));
    GoldenTensors tensors = new GoldenTensors();
    for (Map.Entry<String, JsonNode> entry : header.properties()) {
      if (entry.getKey().equals("__metadata__")) {
        continue;
      }
      JsonNode offsets = entry.getValue().get("data_offsets");
      int from = 8 + length + offsets.get(0).intValue();
      float[] values = new float[(offsets.get(1).intValue() - offsets.get(0).intValue()) / 4];
      boolean integers = entry.getValue().get("dtype").stringValue().equals("I32");
      for (int i = 0; i < values.length; i++) {
        values[i] = integers ? buffer.getInt(from + 4 * i) : buffer.getFloat(from + 4 * i);
      }
      tensors.values.put(entry.getKey(), values);
    }
    return tensors;
  }

  public boolean has(String name) {
    return values.containsKey(name);
  }

  /** A tensor, row-major; integers as floats. */
  public float[] get(String name) {
    if (!has(name)) {
      throw new IllegalArgumentException("no tensor " + name);
    }
    return values.get(name);
  }

  /** The largest difference, relative to the largest magnitude of the expected values. */
  public static double distance(float[] actual, float[] expected) {
    if (actual.length != expected.length) {
      throw new IllegalArgumentException(actual.length + " values for " + expected.length);
    }
    double difference = 0;
    double largest = 1e-30;
    for (int i = 0; i < actual.length; i++) {
      double d = Math.abs((double) actual[i] - expected[i]);
      // a NaN must not count as equal
      difference = d <= difference ? difference : d;
      largest = Math.max(largest, Math.abs(expected[i]));
    }
    return difference / largest;
  }
}
