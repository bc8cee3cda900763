"""Pools about nature, places, things and knowledge."""

TEXT = """
# animal-class
? What kind of animal is it? | Which group of animals does the text speak of?
> {x} | We saw {x} near {place} | {name} took a photo of {x} | The book has a page about {x}
mammal/mammals: a grey wolf; two lions; an old elephant; a red fox; the brown bear; a mouse; a whale and her calf;
  three dolphins;
  a horse; a herd of cows; some sheep; a monkey; a tiger; a rabbit; a bat in the cave; a small dog; the cat; a kangaroo
bird/birds: an eagle; two sparrows; a white swan; the owl; a parrot; some ducks; a hen; a penguin; pigeons on the roof;
  a crow;
  a seagull; the robin; geese flying south; a falcon; an ostrich; a woodpecker
fish/fishes: a salmon; a shark; some trout; the tuna; a goldfish; cod in the net; a pike; herrings; an eel;
  a carp in the pond
insect/insects: a bee; ants in the kitchen; a butterfly; the mosquito; a beetle; flies; a wasp; a moth;
  the grasshopper; a dragonfly
reptile/reptiles: a green snake; a lizard; the crocodile; an old tortoise; a turtle; a viper; an alligator; a gecko;
  an iguana
amphibian/amphibians: a frog; a toad; the newt; a salamander; tadpoles in the water

# food-group
? Which group of food is it? | What sort of food is meant?
> {x} | For lunch I had {x} | {name} bought {x} | Please put {x} on the list
fruit/fruits: apples; a ripe banana; a bag of cherries; two pears; fresh strawberries; an orange; grapes; a melon;
  plums; a lemon
vegetable/vegetables: carrots; a head of cabbage; onions; potatoes; spinach; a cucumber; peas; broccoli; beans; a leek;
  lettuce
meat: a steak; roast beef; pork chops; a ham; sausages; lamb; minced beef; bacon; a leg of turkey; veal
dairy/milk products: a glass of milk; cheddar cheese; butter; yoghurt; cream; cottage cheese; a pot of curd
bakery/bread and cakes: a loaf of rye bread; two rolls; a chocolate cake; croissants; muffins; an apple pie; toast;
  a baguette; biscuits
drink/drinks: a cup of tea; black coffee; a bottle of water; lemonade; a beer; red wine; cola; hot cocoa; a smoothie
seafood: prawns; a plate of mussels; fried squid; crab salad; oysters; a lobster; smoked mackerel

# continent
? Which continent is it on? | Name the continent.
> {x} | The journey ends in {x} | They moved to {x} | A letter from {x}
Europe: France; Germany; Spain; Italy; Poland; Sweden; Norway; Greece; Portugal; Austria; Ireland; Vienna; Madrid;
  Berlin; Rome
Asia: China; Japan; India; Thailand; Vietnam; Korea; Nepal; Tokyo; Beijing; Delhi; Malaysia; Mongolia; Bangkok; Pakistan
Africa: Egypt; Kenya; Nigeria; Morocco; Ghana; Ethiopia; Uganda; Cairo; Nairobi; Senegal; Tanzania; Zambia; Algeria
South America: Brazil; Peru; Chile; Argentina; Colombia; Bolivia; Ecuador; Lima; Buenos Aires; Uruguay; Venezuela
North America: Canada; Mexico; the United States; Texas; California; New York; Toronto; Chicago; Ohio; Quebec; Florida
Australia/Oceania: Sydney; Melbourne; Queensland; New Zealand; Perth; Tasmania; Brisbane; Fiji; Adelaide

# vehicle
? What kind of vehicle is it? | How do they travel?
> {x} | {x} stood in front of the house | {name} came with {x} | They sold {x} on {day}
car/cars: a family saloon; the old estate; a small hatchback; a taxi; a red convertible; the limousine; a hired cabriolet
truck/lorry: a heavy lorry; the dump truck; a trailer with gravel; a tanker; the delivery van; an articulated lorry
bicycle/bike: a mountain bike; her pedals and saddle; a racing cycle; a tandem; the bike with a basket;
  two wheels and a bell
train/railway: the express on platform 4; a steam engine on rails; the night sleeper; a tram on its track;
  the underground; a wagon
ship/boat: a ferry; the sailing yacht; a rowing boat; the oil tanker at sea; a canoe; the cruise liner;
  a fishing trawler; a kayak
aircraft/plane: a jet; the helicopter; a glider; the airliner on the runway; a propeller plane; a hot air balloon;
  the last flight

# weather
? What is the weather like? | Which weather does the report describe?
> {x} | In {place}: {x} | On {day} {x} | Forecast for {place}: {x}
rain/rainy: heavy showers all day; it poured; take an umbrella; a wet morning; drizzle; puddles on every road; a downpour
snow/snowy: flakes are falling; ten centimetres of white powder; children built a snowman; a blizzard;
  roads covered in slush
sun/sunny: a clear blue sky; bright and cloudless; plenty of sunshine; a hot dry day; sunglasses needed;
  not a cloud in sight
wind/windy: a gale from the west; strong gusts; trees bent over; a stormy breeze; kites flew high;
  roofs lost tiles in the gusts
fog/foggy: visibility under fifty metres; thick mist in the valley; we could not see the road; a grey haze;
  drivers use fog lamps
frost/frosty: ice on the windows; minus eight degrees; the pond froze; black ice; bitter cold; the car was covered in rime
thunder/thunderstorm: lightning struck a tree; loud rumbling and flashes; a bolt hit the tower; the sky flashed and cracked

# material
? What is it made of? | Which material is it?
> {x} | They delivered {x} | The parcel holds {x} | {name} repaired {x}
wood: an oak table; planks; a log; a pine shelf; timber beams; a carved box of walnut; a plywood board; a beech chair
metal: a steel bar; iron nails; a copper pipe; an aluminium frame; brass handles; tin cans; a bronze bell; wire
glass: a window pane; a wine bottle; a mirror; a jar; a lens; the broken pane; a crystal vase; a tumbler
paper: a newspaper; a cardboard box; an envelope; sheets; a notebook; a carton; a poster; a page from a book
cloth/fabric: a cotton shirt; a woollen blanket; silk; a linen towel; velvet curtains; a denim jacket; a canvas tent
stone: a marble statue; granite blocks; a slate; gravel; bricks; cobbles; a limestone wall; pebbles
plastic: a nylon bag; a vinyl floor; a polythene sheet; a toy of bright bricks; a PVC pipe; a rubber-like bottle; foam

# room
? Which room of the house is it? | Where in the house is this?
> {x} | {name} found {x} | The photo shows {x} | Mind {x}
kitchen: the oven is hot; a pan on the stove; plates in the cupboard; the fridge hums; a kettle boils;
  knives and a chopping board
bathroom: the shower drips; a towel and soap; the bath is full; a toothbrush by the sink; shampoo; the toilet
bedroom: a bed and pillows; the wardrobe; a blanket and an alarm clock; pyjamas; a mattress; a bedside lamp
living room: a sofa; the television; cushions; the fireplace and an armchair; a coffee table; a bookshelf and a rug
garage: the car is parked; tyres and oil; a workbench; the bike hangs on the wall; a toolbox beside the car
garden: the lawn; roses and a hedge; a shed; apple trees and grass; a flower bed; the fence and a wheelbarrow
office/study: a desk and a printer; files and a computer; the keyboard; a stapler and folders; a swivel chair

# clothing
? On which part of the body is it worn?
> {x} | {name} lost {x} | For sale: {x} | She wore {x}
head: a hat; a woollen cap; a helmet; a beret; a bonnet; a crown; a hood; a headscarf
feet: boots; a pair of shoes; socks; sandals; slippers; trainers; high heels; wellingtons
hands: gloves; mittens; a ring; a pair of leather gloves; a thimble; a glove
legs: jeans; trousers; shorts; tights; leggings; a pair of slacks
upper body: a shirt; a jacket; a coat; a sweater; a blouse; a cardigan; a vest; a T-shirt; a pullover
neck: a scarf; a tie; a necklace; a bow tie; a shawl; a pendant

# instrument-family
? Which family of musical instruments is it?
> {x} | {name} plays {x} | We heard {x} | A concert for {x}
strings: the violin; a cello; a guitar; the harp; a viola; a double bass; a banjo; a lute
woodwind: the flute; a clarinet; an oboe; the bassoon; a saxophone; a recorder; a piccolo
brass: the trumpet; a trombone; a tuba; the French horn; a cornet; a bugle
percussion/drums: a drum; the cymbals; a triangle; kettledrums; a tambourine; a xylophone; a gong
keyboard: the piano; an organ; a harpsichord; an accordion; a synthesizer; a grand piano

# school-subject
? Which school subject is it? | Which lesson is this from?
> {x} | Homework: {x} | {name} has to learn about {x} | Today in class: {x}
mathematics/maths: fractions; equations with x; the area of a triangle; adding and multiplying; percentages; geometry proofs
history: the Roman empire; kings and wars of the past; the French Revolution; medieval castles; the pharaohs;
  the First World War
geography: rivers and mountains; maps of Asia; capitals; deserts and climate zones; volcanoes on the map; oceans
biology: cells; how plants grow; the human skeleton; leaves and roots; blood and the heart; evolution of species
chemistry: acids; the periodic table; molecules; a test tube reaction; atoms bond; salts and bases
physics: forces; electric circuits; gravity; the speed of light; magnets; levers and energy
music: notes and rhythm; the choir; a song in three parts; melody and chords; Mozart; singing scales
art/drawing: painting with oil; a sketch; colours and brushes; sculpture; portraits; Picasso
sport/PE: running laps; gymnastics; ball games; the long jump; swimming lessons; stretching and push-ups

# science-field
? Which science studies this? | Pick the field of science.
> {x} | A new paper on {x} | {name} is an expert in {x} | The lecture treats {x}
astronomy: planets; the orbit of the moon; distant galaxies; a telescope; comets; a black hole; the stars; solar eclipses
geology: rocks; layers of sediment; earthquakes; minerals; fossils in chalk; the crust of the earth; lava
botany: ferns; flowering plants; the leaves of oaks; mosses; pollen; seeds and stems; orchids
zoology: the behaviour of apes; migrating birds; the anatomy of frogs; insects; whales; wolves and their packs
medicine: vaccines; a drug trial; surgery; cancer therapy; heart disease; patients with diabetes; antibiotics
psychology: memory; dreams; how children think; anxiety; attention; habits and motivation; personality tests
economics: inflation; markets; unemployment; prices and trade; interest rates; taxes; supply and demand
linguistics: grammar; vowels; the origin of words; dialects; sentence structure; how infants acquire speech
computing/computer science: algorithms; programs; databases; a compiler; neural networks; software errors; encryption

# landscape
? What kind of landscape is described?
> {x} | We walked along {x} | The painting shows {x} | {name} lives near {x}
mountain/mountains: a snowy peak; steep cliffs; the summit; a rocky ridge; an alpine pass; the slope above the glacier
sea/coast: waves and sand; the beach; a harbour with boats; salt water and tide; a lighthouse; cliffs above the ocean;
  shells
forest/woods: tall pines; a path among trees; moss and ferns; the thicket; oaks and beeches; deep green woodland
desert: dunes; dry hot sand; a camel and an oasis; cactus and dust; a waterless plain; burning sun over sand
city/town: skyscrapers; streets with traffic; shops and trams; a crowded square; blocks of flats; office towers
farmland/countryside: wheat fields; cows in a meadow; a barn; ploughed soil; a tractor between hedges; an orchard
river/river valley: a stream under a bridge; the bank with willows; a slow current; rapids; a ford; the water meets the weir

# state-of-matter
? Is it solid, liquid or gas? | Which state of matter is it?
> {x} | The bottle holds {x} | In the test they used {x} | A sample of {x}
solid: ice; a brick; salt crystals; a lump of coal; sugar; chalk; an iron ring; frozen soil; wax
liquid: water; oil; petrol; molten lead; vinegar; alcohol; ink; blood; syrup; paint
gas: steam; oxygen; helium; air; carbon dioxide; hydrogen; vapour; nitrogen; methane

# taste
? How does it taste?
> {x} | It tasted like {x} | {name} tried {x} | The dish reminds of {x}
sweet: honey; sugar; ripe cherries; caramel; chocolate cake; a lollipop; syrup; jam
sour: lemon juice; vinegar; unripe apples; pickles; a lime; sour cream; rhubarb
salty: sea water; crisps; anchovies; salted nuts; soy sauce; cured ham; pretzels
bitter: black coffee; dark chocolate; grapefruit peel; tonic water; strong tea; hops
spicy/hot: chilli; red pepper; curry; hot mustard; ginger; wasabi; cayenne

# sport-played
? Which sport is it? | What game is being played?
> {x} | Last night: {x} | Match report: {x} | {name} says {x}
football/soccer: a penalty kick; the goalkeeper saved; an offside goal; eleven players; a corner and a header;
  the striker scored
tennis: she served an ace; the racket broke; forty love; the final set at Wimbledon; a backhand over the net; match point
swimming: four laps of the pool; butterfly stroke; the freestyle relay; a dive into lane 3; goggles; breaststroke
cycling: the climb on two wheels; the peloton; a flat tyre in stage nine; the sprint in the yellow jersey; he pedalled hard
chess: the queen took a pawn; checkmate; a bishop sacrifice; the rook and the king; he castled; the grandmaster resigned
boxing: a knockout in round two; a left hook; the ring; heavyweight gloves; an uppercut; the referee counted to ten
golf: a hole in one; the ninth green; a bunker shot; his putter; eighteen holes under par; the caddie
skiing: downhill on snow; the slalom; poles and boots; a ski jump; fresh powder on the piste; cross-country in the snow

# tool-use
? What is the tool for? | Which job is it used for?
> {x} | {name} took {x} | Bring {x} | In the box there is {x}
cutting: scissors; a saw; a sharp knife; an axe; shears; a razor; a chisel
measuring: a ruler; a tape measure; scales; a thermometer; a stopwatch; a spirit level
writing: a pencil; a pen; chalk; a felt tip; a typewriter; crayons
cleaning: a broom; a mop; a sponge; a duster; a vacuum cleaner; a scrubbing brush; soap
joining: glue; nails and a hammer; screws; a needle and thread; tape; a stapler; a welding torch
digging: a spade; a shovel; an excavator; a trowel; a pickaxe; a hoe
lighting: a torch; a candle; a lamp; a lantern; matches; a bulb
"""
