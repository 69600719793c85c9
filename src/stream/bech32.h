/* Bech32 (BIP 173), as age writes its keys: without the limit of 90 characters. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Decodes text of size_bytes characters whose human-readable part is prefix (lower-case) into
 * exactly data_bytes bytes. False if anything about it is wrong: mixed case, checksum, padding,
 * length. Nothing else tells what, so that nothing of a secret key gets into a message. */
bool bech32_decode(const char *text, size_t text_bytes, const char *prefix, uint8_t *data,
                   size_t data_bytes);
