/**
 * Text and ids: the tokenizer, the streaming decoder, chat templates. Text enters, ids leave, and
 * back.
 */
package io.moka.text;
