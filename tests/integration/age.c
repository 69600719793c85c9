/*
 * Encrypts and decrypts a file, for tests/integration/test_age.py and tests/bench/age.py:
 *
 *   age encrypt IN OUT RECIPIENT...
 *   age decrypt IN OUT IDENTITIES [PASSPHRASE]     files; - for none
 */
#include "stream/age.h"
#include "base/error.h"
#include <stdio.h>
#include <string.h>

#define BLOCK_BYTES ((size_t)256 * 1024)

static bool copy(Source *source, Sink *sink, GError **error)
{
    g_autofree char *block = g_malloc(BLOCK_BYTES);
    size_t got = 0;
    do {
        if (!source_read(source, block, BLOCK_BYTES, &got, error) ||
            !sink_write(sink, block, got, error))
            return false;
    } while (got > 0);
    return sink_commit(sink, error);
}

static bool encrypt(char **arguments, int n, GError **error)
{
    g_autofree AgeKey *recipients = g_new(AgeKey, n);
    g_autoptr(Source) source = source_file_new(arguments[0], error);
    g_autoptr(Sink) file = source != NULL ? sink_file_new(arguments[1], error) : NULL;
    for (int i = 2; i < n; i++) {
        if (!age_recipient_parse(arguments[i], &recipients[i - 2], error))
            return false;
    }
    if (file == NULL)
        return false;
    g_autoptr(Sink) sink = sink_age_new(g_steal_pointer(&file), recipients, (size_t)n - 2, error);
    return sink != NULL && copy(source, sink, error);
}

static bool decrypt(char **arguments, int n, GError **error)
{
    g_autoptr(AgeIdentities) identities = age_identities_new();
    g_autoptr(Source) file = source_file_new(arguments[0], error);
    g_autoptr(Sink) sink = file != NULL ? sink_file_new(arguments[1], error) : NULL;
    if (sink == NULL ||
        (strcmp(arguments[2], "-") != 0 &&
         !age_identities_add_file(identities, arguments[2], error)) ||
        (n > 3 && !age_identities_add_passphrase_file(identities, arguments[3], error)))
        return false;
    g_autoptr(Source) source = source_age_new(g_steal_pointer(&file), "the file", identities);
    return copy(source, sink, error);
}

int main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    bool done = false;
    if (argc > 4 && strcmp(argv[1], "encrypt") == 0)
        done = encrypt(argv + 2, argc - 2, &error);
    else if (argc > 4 && strcmp(argv[1], "decrypt") == 0)
        done = decrypt(argv + 2, argc - 2, &error);
    else
        error_set(&error, ERROR_USAGE, "usage: age encrypt|decrypt IN OUT KEY...");
    if (!done)
        (void)fprintf(stderr, "%s\n", error->message);
    return done ? 0 : error_exit_code(error);
}
