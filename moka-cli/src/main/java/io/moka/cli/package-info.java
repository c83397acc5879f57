/** The {@code moka} command: arguments in, text on the terminal out. It owns no tensor. */
package io.moka.cli;
