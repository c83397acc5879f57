package io.moka.text;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class SplitExpressionTest {
  private static final String QWEN2 =
      "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}|"
          + " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

  @ParameterizedTest
  @ValueSource(
      strings = {
        QWEN2,
        // GPT-2
        "'(?:[sdmt]|ll|ve|re)| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
        // Llama 3
        "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}|"
            + " ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
        // DeepSeek V3
        "\\p{N}{1,3}",
        "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+",
        "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n"
            + "\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n"
            + "]*|\\s*[\r\n"
            + "]+|\\s+(?!\\S)|\\s+",
        // GPT-4o
        "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+"
            + "(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+"
            + "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\\p{N}{1,3}|"
            + " ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
        // Kimi K2
        "[\\p{Han}]+|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}&&[^\\p{Han}]]*"
            + "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}&&[^\\p{Han}]]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\\p{N}{1,3}"
            + "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
        "[\\r\\n]",
        "\\s?\\p{L}+"
      })
  void theExpressionsOfLanguageModelsPass(String expression) {
    assertThat(SplitExpression.of(expression).longestRun("")).isZero();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "(a+)+b",
        "(a|a|aa)+b",
        "a*a*b",
        "\\s*\\s*x",
        "(\\w+\\s?)*$",
        "a**",
        "(.*)\\1",
        "(?=a*)b",
        "",
        "[a",
        "(a",
        "a)",
        "*a",
        "a{2,100}",
        "a{3,2}",
        "a{",
        "\\p",
        "\\R+",
        "[[:alpha:]]+",
        "[]a]",
        "(?<x>a)",
        "a\\",
        "a?a?a?a?a?a?a?a?a",
        "[[[[[[[[[[[[a]]]]]]]]]]]]",
        "((((((((((a))))))))))",
        "a?a?a?a*b|a?a?a?a*c|a?a?a?a*d",
      })
  void whatCouldTakeForeverIsRefused(String expression) {
    assertThatThrownBy(() -> SplitExpression.of(expression))
        .isInstanceOf(IllegalArgumentException.class);
  }

  @Test
  void runsAreCountedByClass() {
    SplitExpression qwen2 = SplitExpression.of(QWEN2);
    assertThat(qwen2.longestRun("ab \u3000\t xyz\u00e9 12345 !?")).isEqualTo(4);
    assertThat(qwen2.longestRun("...---...")).isEqualTo(9);
    assertThat(SplitExpression.of(".*x").longestRun("a b\r\n\u2028c")).isEqualTo(7);
    assertThat(SplitExpression.of("\\p{NoSuchThing}+").longestRun("a b")).isEqualTo(3);
    assertThat(SplitExpression.of("a++b").longestRun("caaat")).isEqualTo(3);
    assertThat(SplitExpression.of("a{2,}?b").longestRun("caaat")).isEqualTo(3);
  }
}
