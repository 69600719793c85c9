#include "base/hash.h"

#include "base/error.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>
#include <unistd.h>

#define READ_BYTES (256 * 1024)

struct HashStream {
    EVP_MD_CTX *context;
};

HashHex hash_raw_to_hex(const HashRaw *raw)
{
    static const char digits[] = "0123456789abcdef";
    HashHex out = {{0}};
    for (size_t i = 0; i < sizeof raw->bytes; i++) {
        out.hex[2 * i] = digits[raw->bytes[i] >> 4];
        out.hex[2 * i + 1] = digits[raw->bytes[i] & 15];
    }
    return out;
}

HashStream *hash_stream_new(void)
{
    HashStream *stream = g_new0(HashStream, 1);
    stream->context = EVP_MD_CTX_new();
    if (stream->context == NULL || EVP_DigestInit_ex(stream->context, EVP_sha256(), NULL) != 1)
        g_error("SHA-256 is not available in this OpenSSL");
    return stream;
}

void hash_stream_update(HashStream *stream, const void *data, size_t size_bytes)
{
    if (EVP_DigestUpdate(stream->context, data, size_bytes) != 1)
        g_error("SHA-256 failed");
}

HashHex hash_stream_end(HashStream *stream)
{
    HashRaw raw;
    if (EVP_DigestFinal_ex(stream->context, raw.bytes, NULL) != 1)
        g_error("SHA-256 failed");
    return hash_raw_to_hex(&raw);
}

void hash_stream_free(HashStream *stream)
{
    if (stream == NULL)
        return;
    EVP_MD_CTX_free(stream->context);
    g_free(stream);
}

HashHex hash_bytes(const void *data, size_t size_bytes)
{
    g_autoptr(HashStream) stream = hash_stream_new();
    hash_stream_update(stream, data, size_bytes);
    return hash_stream_end(stream);
}

HashHex hash_text(const char *text)
{
    return hash_bytes(text, strlen(text));
}

bool hash_file(const char *path, HashHex *out, uint64_t *size_bytes, GError **error)
{
    g_autoptr(HashStream) stream = hash_stream_new();
    g_autofree char *buffer = g_malloc(READ_BYTES);
    uint64_t total = 0;
    ssize_t got = 0;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0) {
        error_set_errno(error, errno, "cannot open '%s'", path);
        return false;
    }
    while ((got = read(fd, buffer, READ_BYTES)) > 0) {
        hash_stream_update(stream, buffer, (size_t)got);
        total += (uint64_t)got;
    }
    if (got < 0)
        error_set_errno(error, errno, "cannot read '%s'", path);
    close(fd);
    if (got < 0)
        return false;
    *out = hash_stream_end(stream);
    if (size_bytes != NULL)
        *size_bytes = total;
    return true;
}

HashRaw hash_raw(const void *data, size_t size_bytes)
{
    HashRaw out;
    if (EVP_Digest(data, size_bytes, out.bytes, NULL, EVP_sha256(), NULL) != 1)
        g_error("SHA-256 failed");
    return out;
}

HashRaw hash_hmac(const void *key, size_t key_bytes, const void *data, size_t size_bytes)
{
    HashRaw out;
    if (key_bytes > INT_MAX ||
        HMAC(EVP_sha256(), key, (int)key_bytes, data, size_bytes, out.bytes, NULL) == NULL)
        g_error("HMAC-SHA-256 failed");
    return out;
}

bool hash_md5(const void *data, size_t size_bytes, uint8_t out[16])
{
    return EVP_Digest(data, size_bytes, out, NULL, EVP_md5(), NULL) == 1;
}
