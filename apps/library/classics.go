package library

// Classics are a few books for a library that is begun to be looked at.
var Classics = []BookAdded{
	{"9780141439518", "Pride and Prejudice", "Jane Austen", 3},
	{"9780141441146", "Jane Eyre", "Charlotte Brontë", 2},
	{"9780141439556", "Wuthering Heights", "Emily Brontë", 2},
	{"9780141439600", "A Tale of Two Cities", "Charles Dickens", 2},
	{"9780141439563", "Great Expectations", "Charles Dickens", 3},
	{"9780141439471", "Frankenstein", "Mary Shelley", 2},
	{"9780141439846", "Dracula", "Bram Stoker", 1},
	{"9780142437247", "Moby-Dick", "Herman Melville", 1},
	{"9780140449136", "Crime and Punishment", "Fyodor Dostoevsky", 2},
	{"9780140449266", "The Count of Monte Cristo", "Alexandre Dumas", 2},
	{"9780140268867", "The Odyssey", "Homer, translated by Robert Fagles", 1},
	{"9780141182803", "Ulysses", "James Joyce", 1},
	{"9780141183046", "The Book of Disquiet", "Fernando Pessoa", 2},
	{"9780141182636", "The Great Gatsby", "F. Scott Fitzgerald", 3},
	{"9780141187761", "Nineteen Eighty-Four", "George Orwell", 3},
	{"9780140447927", "The Idiot", "Fyodor Dostoevsky", 1},
	{"9780141439761", "Alice's Adventures in Wonderland", "Lewis Carroll", 2},
	{"9780141439778", "Tristram Shandy", "Laurence Sterne", 1},
	{"9780141439662", "Sense and Sensibility", "Jane Austen", 2},
	{"9780141439587", "Emma", "Jane Austen", 2},
	{"9780140449334", "Meditations", "Marcus Aurelius", 1},
	{"9780140449198", "The Epic of Gilgamesh", "Anonymous, translated by Andrew George", 1},
	{"9780140441314", "Tao Te Ching", "Lao Tzu", 1},
}
