# SPDX-License-Identifier: GPL-2.0-only
# Turns the header into Python: constants into constants, structures into ctypes. It knows the C that stands there, and
# stops at anything else. Works with every awk.

# The name of a structure in Python: setnsmon_record is Record
function class_of(name,    words, count, i, result)
{
	sub(/^setnsmon_/, "", name)
	count = split(name, words, "_")
	for (i = 1; i <= count; i++)
		result = result toupper(substr(words[i], 1, 1)) substr(words[i], 2)
	return result
}

# An expression of C in Python
function expression(text)
{
	while (match(text, /struct setnsmon_[a-z_]+/))
		text = substr(text, 1, RSTART - 1) class_of(substr(text, RSTART + 7, RLENGTH - 7)) \
			substr(text, RSTART + RLENGTH)
	while (match(text, /[0-9a-fA-F]U/))
		text = substr(text, 1, RSTART) substr(text, RSTART + 2)
	while (match(text, /__[us][0-9]+/))
		text = substr(text, 1, RSTART - 1) type_of(substr(text, RSTART, RLENGTH)) substr(text, RSTART + RLENGTH)
	gsub(/SETNSMON_/, "", text)
	return text
}

function type_of(name)
{
	if (name ~ /^__[us](8|16|32|64)$/)
		return "ctypes.c_" (name ~ /^__u/ ? "u" : "") "int" substr(name, 4)
	return stop("an unknown type: " name)
}

# A class stands between two empty lines.
function say(line)
{
	for (; blank > 0; blank--)
		print ""
	print line
}

function stop(why)
{
	printf "from-header.awk: line %d: %s\n", NR, why >"/dev/stderr"
	failed = 1
	exit 1
}

# A member of a structure or union: its name and type
function member(type, name,    at, count)
{
	if (match(name, /\[.*\]$/)) {
		count = substr(name, RSTART + 1, RLENGTH - 2)
		name = substr(name, 1, RSTART - 1)
	}
	type = type ~ /^__/ ? type_of(type) : class_of(type)
	return sprintf("(\"%s\", %s)", name, type (count ? " * " expression(count) : ""))
}

# Comments do not matter
{
	while (match($0, /\/\*[^*]*(\*[^*\/][^*]*)*\*\//))
		$0 = substr($0, 1, RSTART - 1) substr($0, RSTART + RLENGTH)
	if (comment) {
		if (!match($0, /\*\//))
			next
		$0 = substr($0, RSTART + 2)
		comment = 0
	}
	if (match($0, /\/\*/)) {
		$0 = substr($0, 1, RSTART - 1)
		comment = 1
	}
	sub(/[ \t]+$/, "")
}

/^$/ || /^#(include|ifndef|endif)/ || $0 == "#define _UAPI_LINUX_SETNSMON_H" { next }

/^#define SETNSMON_/ {
	name = $2
	sub(/^#define[ \t]+[A-Z0-9_]+[ \t]+/, "")
	sub(/^SETNSMON_/, "", name)
	say(name " = " expression($0))
	next
}

/^enum setnsmon_[a-z_]+ \{$/ { in_enum = 1; next_value = 0; blank = blank > 1 ? blank : 1; next }
in_enum && /^};$/ { in_enum = 0; next }
in_enum {
	sub(/,$/, "")
	name = $1
	sub(/^SETNSMON_/, "", name)
	if ($2 == "=")
		next_value = $3
	say(name " = " next_value++)
	next
}

/^struct setnsmon_[a-z_]+ \{$/ { class = class_of($2); list = unions = ""; next }
class && /^\t(__extension__ )?union \{$/ { in_union = 1; union_list = ""; next }
in_union && /^\t\};$/ {
	unions = "    class _Union(ctypes.Union):\n        _fields_ = [\n" union_list "        ]\n\n"
	unions = unions "    _anonymous_ = (\"_union\",)\n"
	list = list "        (\"_union\", _Union),\n"
	in_union = 0
	next
}
class && /^};$/ {
	for (blank = 2; blank; blank--)
		print ""
	printf "class %s(ctypes.Structure):\n%s    _fields_ = [\n%s    ]\n", class, unions, list
	blank = 2
	class = ""
	next
}
class {
	sub(/;$/, "")
	line = $1 == "struct" ? member($2, $3) : member($1, $2)
	if (in_union)
		union_list = union_list "            " line ",\n"
	else
		list = list "        " line ",\n"
	next
}

{ stop("not understood: " $0) }

END { exit failed }
