/* Opens what a restore may be given and prints what it is as a JSON line; exits as drydock would.
 * What was unpacked is removed again, unless --keep says otherwise: intake FROM SPOOL_PARENT
 * MAX_BYTES [--keep]
 *
 * intake --seal FOLDER makes a directory of pg_dump a snapshot, with a manifest that has no
 * digests. */
#include "snapshot/intake.h"
#include "base/error.h"
#include "base/interrupt.h"
#include "base/json.h"
#include <stdio.h>
#include <string.h>

static void print(const Intake *intake)
{
    static const char *const kinds[] = {"snapshot", "archive", "script"};
    g_autoptr(json_t) object = json_object();
    g_autofree char *line = NULL;
    json_set_text(object, "kind", kinds[intake->kind]);
    json_set_text(object, "given", intake->given);
    json_set_text(object, "description", intake->description);
    json_set_text(object, "path", intake->path);
    json_set_text(object, "spool", intake->spool);
    json_set_text(object, "database", intake->database);
    json_set_integer(object, "dump_version_num", intake->dump_version_num);
    json_set_integer(object, "size_bytes", (int64_t)intake->size_bytes);
    line = json_to_line(object);
    (void)puts(line);
}

static bool add_files(Manifest *manifest, const char *path, GError **error)
{
    g_autoptr(GDir) folder = g_dir_open(path, 0, NULL);
    const char *name = NULL;
    while (folder != NULL && (name = g_dir_read_name(folder)) != NULL) {
        g_autofree char *member = g_build_filename(path, name, NULL);
        ManifestFile *file = g_new0(ManifestFile, 1);
        file->name = g_strdup(name);
        manifest_add(manifest, file);
        if (!hash_file(member, &file->sha256, &file->size_bytes, error))
            return false;
    }
    return true;
}

static int seal(const char *folder)
{
    g_autoptr(Manifest) manifest = manifest_new();
    g_autoptr(GError) error = NULL;
    manifest->run = g_strdup("r1");
    manifest->database = g_strdup("sealed");
    manifest->read_from = g_strdup("sealed");
    manifest->digests = g_new0(DigestSet, 1);
    manifest->digests->tables = g_ptr_array_new_with_free_func((GDestroyNotify)digest_table_free);
    manifest->content_hash = digest_set_hash(manifest->digests);
    if (add_files(manifest, folder, &error) && manifest_write(manifest, folder, &error))
        return 0;
    (void)fprintf(stderr, "%s\n", error->message);
    return 1;
}

int main(int argc, char **argv)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(Intake) intake = NULL;
    if (argc == 3 && strcmp(argv[1], "--seal") == 0)
        return seal(argv[2]);
    if (argc < 4)
        return 64;
    const IntakeOptions options = {
        .from = argv[1],
        .spool_parent = argv[2],
        .max_bytes = g_ascii_strtoull(argv[3], NULL, 10),
    };
    interrupt_install();
    intake = intake_open(&options, &error);
    if (intake == NULL) {
        const char *hint = error_hint(error);
        (void)fprintf(stderr, "%s\n%s%s", error->message, hint != NULL ? hint : "",
                      hint != NULL ? "\n" : "");
        return error_exit_code(error);
    }
    print(intake);
    if (argc > 4 && strcmp(argv[4], "--keep") == 0)
        g_clear_pointer(&intake->spool, g_free);
    return 0;
}
