#pragma once
/*
 * tools/chasquictl/help: usage and completion, made from the operators' verb table.
 */
#include <stdio.h>

/** tool_help() - all nouns and verbs, those of @noun, or one verb with its options. Both may be NULL. */
void tool_help(FILE *f, const char *noun, const char *verb);

/**
 * tool_completion() - a script for @shell: bash, zsh or fish.
 * Return: 0; CHQ_EARGS for any other.
 */
int tool_completion(FILE *f, const char *shell);
