#include "audit/chain.h"
#include "base/error.h"
#include "base/file.h"
#include <string.h>

#include "folder.h"

static void write_events(const char *folder, const char *head, int n)
{
    g_autoptr(Audit) audit = audit_open(folder, head, "run", "somebody", NULL);
    assert_non_null(audit);
    for (int i = 0; i < n; i++)
        assert_true(audit_event(audit, "event", json_pack("{s:i}", "n", i), NULL));
}

static char *read_text(const char *path)
{
    char *text = NULL;
    size_t size_bytes = 0;
    assert_true(file_read(path, 100000, &text, &size_bytes, NULL));
    return text;
}

static void lines_follow_from_each_other(void **state)
{
    g_autofree char *head = g_build_filename(*state, "audit.head", NULL);
    g_autofree char *one = g_build_filename(*state, "one", NULL);
    g_autofree char *two = g_build_filename(*state, "two", NULL);
    g_autofree char *one_path = g_build_filename(one, "audit.jsonl", NULL);
    g_autofree char *two_path = g_build_filename(two, "audit.jsonl", NULL);
    g_autofree char *hash = NULL;
    g_autofree char *text = NULL;
    assert_true(file_make_folder(one, NULL) && file_make_folder(two, NULL));
    write_events(one, head, 3);
    write_events(one, head, 2); /* continued, as recover does */
    assert_true(audit_verify(one_path, NULL));
    hash = read_text(head);
    write_events(two, head, 1);
    text = read_text(two_path);
    g_strstrip(hash);
    assert_non_null(strstr(text, hash)); /* the next run goes on from the last line of this one */
}

static void a_changed_line_shows(void **state)
{
    g_autofree char *path = g_build_filename(*state, "one", "audit.jsonl", NULL);
    g_autofree char *text = read_text(path);
    g_autoptr(GError) error = NULL;
    for (char *at = text; *at != '\0'; at++) {
        if (g_str_has_prefix(at, "\"n\":1"))
            at[4] = '7';
    }
    assert_true(file_write_atomic(path, text, strlen(text), NULL));
    assert_false(audit_verify(path, &error));
    assert_true(error_is(error, ERROR_INTEGRITY));
    assert_non_null(strstr(error->message, ":3:"));
}

static void a_false_head_is_refused(void **state)
{
    g_autofree char *head = g_build_filename(*state, "audit.head", NULL);
    g_autofree char *three = g_build_filename(*state, "three", NULL);
    g_autoptr(GError) error = NULL;
    assert_true(file_make_folder(three, NULL));
    assert_true(file_write_atomic(head, "nonsense\n", 9, NULL));
    assert_null(audit_open(three, head, "run", "somebody", &error));
    assert_true(error_is(error, ERROR_INTEGRITY));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_follow_from_each_other),
        cmocka_unit_test(a_changed_line_shows),
        cmocka_unit_test(a_false_head_is_refused),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
